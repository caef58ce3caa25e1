-- One row = the totals of the restored roll-up of hours.
SELECT
    sum(attempts) AS attempts,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    toString(ifNull(sum(cost), 0)) AS cost
FROM call_hours FINAL
