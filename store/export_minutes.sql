-- One row = the calls of one minute that share the dimensions; of the times the median and the 95th and 99th percentile.
SELECT
    minute,
    team,
    app,
    feature,
    environment,
    provider,
    model,
    operation,
    sum(minutes.attempts) AS attempts,
    sum(minutes.operations) AS operations,
    sum(minutes.failed_operations) AS failed_operations,
    sum(minutes.ok) AS ok,
    sum(minutes.rate_limited) AS rate_limited,
    sum(minutes.errors) AS errors,
    sum(minutes.input_tokens) AS input_tokens,
    sum(minutes.cache_read_tokens) AS cache_read_tokens,
    sum(minutes.cache_write_tokens) AS cache_write_tokens,
    sum(minutes.output_tokens) AS output_tokens,
    sum(minutes.reasoning_tokens) AS reasoning_tokens,
    if(priced = 0 AND attempts > 0, NULL, sum(minutes.cost)) AS cost,
    sum(minutes.estimated_cost) AS estimated_cost,
    sum(minutes.priced) AS priced,
    sum(minutes.unpriced) AS unpriced,
    sum(minutes.cache_hits) AS cache_hits,
    sum(minutes.saved) AS saved,
    arrayMap(one -> if(isNaN(one), NULL, one), quantilesTDigestMerge(0.5, 0.95, 0.99)(duration)) AS duration_ms_p50_p95_p99,
    arrayMap(one -> if(isNaN(one), NULL, one), quantilesTDigestMerge(0.5, 0.95, 0.99)(felt)) AS felt_ms_p50_p95_p99,
    arrayMap(one -> if(isNaN(one), NULL, one), quantilesTDigestMerge(0.5, 0.95, 0.99)(first_token)) AS first_token_ms_p50_p95_p99
FROM call_minutes AS minutes FINAL
WHERE minute >= {start:DateTime64(6)}
    AND minute < {end:DateTime64(6)}
    AND {team:String} IN ('', if(team = '', 'unattributed', team))
GROUP BY minute, team, app, feature, environment, provider, model, operation
SETTINGS date_time_output_format = 'iso', output_format_json_quote_decimals = 1, max_threads = 1,
    output_format_parquet_row_group_size = 65536, output_format_parquet_row_group_size_bytes = 67108864
