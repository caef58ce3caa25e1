-- One row = nothing: the texts of these attempts are deleted, in every part of the table.
ALTER TABLE llm_texts DELETE WHERE call_id IN {calls:Array(UUID)} SETTINGS mutations_sync = 2
