-- One row = the calls of one minute that share the dimensions; of the times the median and the 95th and 99th percentile.
SELECT
    * EXCEPT (duration, felt, first_token, version, deleted),
    arrayMap(one -> if(isNaN(one), NULL, one), finalizeAggregation(duration)) AS duration_ms_p50_p95_p99,
    arrayMap(one -> if(isNaN(one), NULL, one), finalizeAggregation(felt)) AS felt_ms_p50_p95_p99,
    arrayMap(one -> if(isNaN(one), NULL, one), finalizeAggregation(first_token)) AS first_token_ms_p50_p95_p99
FROM call_minutes FINAL
WHERE minute >= {start:DateTime64(6)}
    AND minute < {end:DateTime64(6)}
    AND {team:String} IN ('', if(team = '', 'unattributed', team))
SETTINGS date_time_output_format = 'iso', output_format_json_quote_decimals = 1, max_threads = 1,
    output_format_parquet_row_group_size = 65536, output_format_parquet_row_group_size_bytes = 67108864
