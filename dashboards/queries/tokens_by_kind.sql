-- One row = the tokens of one kind in one step of time; the kinds do not overlap.
SELECT time, series, value
FROM
(
    SELECT
        toStartOfInterval(time, toIntervalSecond({step:UInt32})) AS time,
        sum(cache_read_tokens) AS cache_read,
        sum(cache_write_tokens) AS cache_write,
        sum(reasoning_tokens) AS reasoning,
        toUInt64(greatest(toInt64(sum(input_tokens)) - toInt64(cache_read + cache_write), 0)) AS input,
        toUInt64(greatest(toInt64(sum(output_tokens)) - toInt64(reasoning), 0)) AS output
    FROM call_periods
    WHERE grain = if({step:UInt32} >= 3600, 3600, 60)
        AND time > {from:DateTime64(3)} - toIntervalSecond(grain)
        AND time < {to:DateTime64(3)}
        AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, team))
    GROUP BY time
)
ARRAY JOIN
    ['input', 'cache read', 'cache write', 'output', 'reasoning'] AS series,
    [input, cache_read, cache_write, output, reasoning] AS value
ORDER BY time, series
