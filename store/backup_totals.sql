-- One row = the totals of a file of call_hours.
SELECT
    sum(attempts) AS attempts,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    toString(ifNull(sum(cost), 0)) AS cost
FROM file({path:String}, 'Native', {structure:String})
