-- One row = the digest of what the last update of a layer was made from; empty if there was none.
SELECT argMax(digest, number) FROM price_updates WHERE layer = {layer:String}
