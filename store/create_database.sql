-- One row = nothing: afterwards there is a database of this name.
CREATE DATABASE IF NOT EXISTS {database:Identifier}
