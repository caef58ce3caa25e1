-- One row = attempts, tokens and cost of one team, of all that arrived before an instant and is kept.
SELECT
    team,
    count() AS calls,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    toString(ifNull(sum(cost), 0)) AS cost
FROM priced_calls
WHERE received_at < {before:DateTime64(3)} AND started_at >= {since:DateTime64(3)}
GROUP BY team
ORDER BY team
