-- One row = how many entries a closing has of a kind and what they add up to.
SELECT count() AS entries, sum(entries.cost) AS cost
FROM book_entries AS entries
WHERE closing = {closing:UInt32} AND kind = {kind:String}
