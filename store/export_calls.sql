-- One row = one de-duplicated HTTP attempt with its cost and why it is known or not; superseded ones are left out.
SELECT * EXCEPT (
    written_5m, written_1h, cached_audio, cached_text, fresh_audio, input_image, fresh_text, output_audio, output_image,
    reasoning, output_text, usage_is_contradictory, picodollars, input_picodollars, cache_read_picodollars,
    value_kind, value_status, has_value, known_value
) REPLACE (toString(call_id) AS call_id, toString(operation_id) AS operation_id)
FROM priced_calls
WHERE started_at >= {start:DateTime64(6)}
    AND started_at < {end:DateTime64(6)}
    AND {team:String} IN ('', if(team = '', 'unattributed', team))
SETTINGS date_time_output_format = 'iso', output_format_json_quote_decimals = 1, max_threads = 1,
    output_format_parquet_row_group_size = 65536, output_format_parquet_row_group_size_bytes = 67108864
