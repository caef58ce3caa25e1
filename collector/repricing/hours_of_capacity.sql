-- One row = an hour with calls of a resource of flat cost.
SELECT DISTINCT toStartOfHour(started_at) AS hour FROM llm_calls WHERE capacity = {resource:String}
