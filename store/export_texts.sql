-- One row = prompt and response of one attempt.
SELECT toString(call_id) AS call_id, started_at, team, app, session_id, prompt, response, received_at
FROM llm_texts FINAL
WHERE started_at >= {start:DateTime64(6)}
    AND started_at < {end:DateTime64(6)}
    AND {team:String} IN ('', if(team = '', 'unattributed', team))
SETTINGS date_time_output_format = 'iso', output_format_json_quote_decimals = 1, max_threads = 1,
    output_format_parquet_row_group_size = 65536, output_format_parquet_row_group_size_bytes = 67108864
