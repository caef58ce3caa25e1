-- One row = nothing: these texts are blanked in the references, where others keep their places.
ALTER TABLE drift_references UPDATE texts = arrayMap(text -> if(has({quotes:Array(String)}, text), '', text), texts)
WHERE hasAny(texts, {quotes:Array(String)})
SETTINGS mutations_sync = 2
