-- One row of priced_minutes_at = a row of call_minutes of a minute from `start` to `end` with its cost under one cost version:
-- as it was rolled up or, with `anew` 1, added up from the facts. It is the sum over priced_calls_at: prices change with a
-- minute, never within. was_cost, was_priced, was_saved and was_version are what a rolled-up row has so far.
-- prices_at and price_cells_at are written out: as views within this one they take a third of the time of a roll-up to plan.
CREATE OR REPLACE VIEW priced_minutes_at AS
SELECT
    used.* EXCEPT (team_key, own_key, lookup),
    multiIf(
        used.usage_kind < 4, used.usage_kind,
        prices.ends_at <= used.minute, 4,
        used.usage_kind = 5, 5,
        bitAnd(used.used_tokens, prices.lacks_input + 2 * prices.lacks_output) != 0, 6,
        used.usage_kind) AS value_kind,
    value_kind IN (1, 2, 7, 8, 9) AS has_value,
    multiIf(
        value_kind = 1, used.reported,
        value_kind > 6, reinterpret(
            toInt128(used.fresh_text) * prices.input_rate
                + toInt128(used.cached_text) * prices.cache_read_rate
                + toInt128(used.written_5m) * prices.cache_write_5m_rate
                + toInt128(used.written_1h) * prices.cache_write_1h_rate
                + toInt128(used.fresh_audio) * prices.input_audio_rate
                + toInt128(used.cached_audio) * prices.cache_read_audio_rate
                + toInt128(used.input_image) * prices.input_image_rate
                + toInt128(used.output_text) * prices.output_rate
                + toInt128(used.reasoning) * prices.reasoning_rate
                + toInt128(used.output_audio) * prices.output_audio_rate
                + toInt128(used.output_image) * prices.output_image_rate
                + toInt128(used.attempts + used.cache_hits) * prices.request_rate,
            'Decimal(38, 12)'),
        toDecimal128(0, 12)) AS value,
    multiIf(used.cache_hit, toNullable(toDecimal128(0, 12)), has_value, toNullable(value), NULL) AS cost,
    if(value_kind = 7 AND NOT used.cache_hit, value, toDecimal128(0, 12)) AS estimated_cost,
    if(has_value, used.attempts, 0) AS priced,
    if(has_value, 0, used.attempts) AS unpriced,
    if(used.cache_hit AND has_value, toNullable(value), NULL) AS saved
FROM
(
    SELECT
        owned.*,
        owned.own_key
            + 16 * arrayCount(start -> start <= 60 * toMinute(owned.minute) + 3600 * toHour(owned.minute), cells.days)
            + arrayCount(start -> start <= owned.input_from, cells.tiers) AS lookup
    FROM
    (
        SELECT
            sums.*,
            if(sums.team = '*' OR startsWith(sums.team, 'account:') OR startsWith(sums.team, 'capacity:'), 0, cityHash64(sums.team, sums.price_key)) AS team_key,
            multiIf(
                sums.usage_kind = 9, sums.payer_key,
                sums.payer_key IN (SELECT toUInt64(lookup_key - cell) FROM effective_prices WHERE cost_version = {version:UInt32} AND team != ''), sums.payer_key,
                team_key IN (SELECT toUInt64(lookup_key - cell) FROM effective_prices WHERE cost_version = {version:UInt32} AND team != ''), team_key,
                sums.price_key) AS own_key
        FROM
        (
            SELECT * EXCEPT (cost, estimated_cost, priced, unpriced, saved, version, deleted), cost AS was_cost, priced AS was_priced, saved AS was_saved, version AS was_version
            FROM call_minutes FINAL
            WHERE {anew:UInt8} = 0 AND minute >= {start:DateTime} AND minute < {end:DateTime}
            UNION ALL
            SELECT *, NULL AS was_cost, 0 AS was_priced, NULL AS was_saved, toDateTime64(0, 6, 'UTC') AS was_version
            FROM used_minutes_at(anew = {anew:UInt8}, start = {start:DateTime}, end = {end:DateTime})
        ) AS sums
    ) AS owned
    ANY LEFT JOIN
    (
        SELECT
            toUInt64(lookup_key - cell) AS own_key,
            arrayFilter(start -> start > 0, arraySort(groupUniqArray(input_from))) AS tiers,
            arrayFilter(start -> start > 0, arraySort(groupUniqArray(day_from))) AS days
        FROM
        (
            SELECT lookup_key, cell, input_from, day_from FROM effective_prices WHERE cost_version = {version:UInt32}
            UNION ALL
            SELECT lookup_key, cell, input_from, day_from FROM capacity_prices FINAL
        )
        GROUP BY own_key
        HAVING length(tiers) + length(days) > 0
    ) AS cells ON owned.own_key = cells.own_key
) AS used
ASOF LEFT JOIN
(
    SELECT *, lookup_key FROM effective_prices WHERE cost_version = {version:UInt32}
    UNION ALL
    SELECT * EXCEPT (computed_at), lookup_key FROM capacity_prices FINAL WHERE starts_at < {end:DateTime} AND ends_at > {start:DateTime}
) AS prices
    ON used.lookup = prices.lookup_key AND used.minute >= prices.starts_at
