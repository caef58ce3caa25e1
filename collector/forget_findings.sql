-- One row = nothing: findings with these notes keep their numbers and lose their words.
ALTER TABLE measurements UPDATE note = 'drift: the texts that told of it were deleted'
WHERE note IN {notes:Array(String)}
SETTINGS mutations_sync = 2
