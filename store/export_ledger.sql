-- One row = what is stored of one producer for one minute.
SELECT * EXCEPT (version, deleted)
FROM loss_ledger FINAL
WHERE minute >= {start:DateTime64(6)} AND minute < {end:DateTime64(6)}
SETTINGS date_time_output_format = 'iso', output_format_json_quote_decimals = 1, max_threads = 1,
    output_format_parquet_row_group_size = 65536, output_format_parquet_row_group_size_bytes = 67108864
