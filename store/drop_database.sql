-- One row = nothing: afterwards there is no database of this name.
DROP DATABASE IF EXISTS {dropped:Identifier} SYNC
