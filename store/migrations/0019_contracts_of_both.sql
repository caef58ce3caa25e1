-- An account's contract lies over that of a team: what the calls of both cost is found by a key of both. The views that read
-- all columns come first, so that they hold before and after the new one.
-- One row of prices_at = a price as in effective_prices that holds under one cost version: those of the book and those of
-- resources of flat cost. own_key is its lookup_key without the cell.
CREATE OR REPLACE VIEW prices_at AS
SELECT *, toUInt64(lookup_key - cell) AS own_key
FROM
(
    SELECT * EXCEPT (team_below), lookup_key FROM effective_prices WHERE cost_version = {version:UInt32}
    UNION ALL
    SELECT * EXCEPT (computed_at), lookup_key FROM capacity_prices FINAL
);

-- One row of rated_calls_at = one de-duplicated HTTP attempt, or charge, with the price that holds for it under one cost version:
-- that of the resource of flat cost that served it, of its account's contract over its team's, of one of them, or of everyone. With `contracts` 0 it is the list
-- price, as if nobody had a contract and every call were paid by the token. What is superseded is left out. is_priced is 0
-- where there is no price, and is_attempt is 0 for a hit of the app's own cache and for a charge, which is a cost that is no call.
CREATE OR REPLACE VIEW rated_calls_at AS
SELECT
    calls.* EXCEPT (list_key, pair_key, team_key, own_key, lookup),
    if(calls.model_responded != '', calls.model_responded, calls.model_requested) AS model,
    NOT calls.cache_hit AND calls.operation != 'charge' AS is_attempt,
    prices.ends_at > calls.started_at AS is_priced,
    prices.starts_at AS price_starts_at,
    prices.input_from AS input_from,
    prices.input_rate AS input_rate,
    prices.cache_read_rate AS cache_read_rate,
    prices.cache_write_5m_rate AS cache_write_5m_rate,
    prices.cache_write_1h_rate AS cache_write_1h_rate,
    prices.output_rate AS output_rate,
    prices.reasoning_rate AS reasoning_rate,
    prices.input_audio_rate AS input_audio_rate,
    prices.cache_read_audio_rate AS cache_read_audio_rate,
    prices.output_audio_rate AS output_audio_rate,
    prices.input_image_rate AS input_image_rate,
    prices.output_image_rate AS output_image_rate,
    prices.request_rate AS request_rate,
    prices.lacks_input AS lacks_input,
    prices.lacks_output AS lacks_output,
    prices.source AS price_source
FROM
(
    SELECT
        owned.*,
        owned.own_key
            + if(empty(cells.days), 0, 16 * arrayCount(start -> start <= toSecond(owned.started_at) + 60 * toMinute(owned.started_at) + 3600 * toHour(owned.started_at), cells.days))
            + if(empty(cells.tiers), 0, arrayCount(start -> start <= ifNull(owned.input_tokens, 0), cells.tiers)) AS lookup
    FROM
    (
        SELECT
            * EXCEPT (superseded),
            written_5m, written_1h, cached_audio, cached_text, fresh_audio, input_image, fresh_text,
            output_audio, output_image, reasoning, output_text, usage_is_contradictory,
            account, payer_key, dimensions, usage_kind, used_tokens,
            cityHash64('*', price_key) AS list_key,
            cityHash64(payer_key, team) AS pair_key,
            if(team = '*' OR startsWith(team, 'account:') OR startsWith(team, 'capacity:'), 0, cityHash64(team, price_key)) AS team_key,
            multiIf(
                {contracts:UInt8} = 0, if(list_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team = '*'), list_key, price_key),
                usage_kind = 9, payer_key,
                pair_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team != ''), pair_key,
                payer_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team != ''), payer_key,
                team_key IN (SELECT own_key FROM prices_at(version = {version:UInt32}) WHERE team != ''), team_key,
                price_key) AS own_key
        FROM llm_calls FINAL
        WHERE superseded = 0
    ) AS owned
    ANY LEFT JOIN price_cells_at(version = {version:UInt32}) AS cells ON owned.own_key = cells.own_key
) AS calls
ASOF LEFT JOIN prices_at(version = {version:UInt32}) AS prices
    ON calls.lookup = prices.lookup_key AND calls.started_at >= prices.starts_at;

-- One row of priced_minutes_at = a row of call_minutes of a minute from `start` to `end` with its cost under one cost version:
-- as it was rolled up or, with `anew` 1, added up from the facts. It is the sum over priced_calls_at: prices change with a
-- minute, never within. was_cost, was_priced, was_saved and was_version are what a rolled-up row has so far.
-- prices_at and price_cells_at are written out: as views within this one they take a third of the time of a roll-up to plan.
CREATE OR REPLACE VIEW priced_minutes_at AS
SELECT
    used.* EXCEPT (pair_key, team_key, own_key, lookup),
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
            cityHash64(sums.payer_key, sums.team) AS pair_key,
            if(sums.team = '*' OR startsWith(sums.team, 'account:') OR startsWith(sums.team, 'capacity:'), 0, cityHash64(sums.team, sums.price_key)) AS team_key,
            multiIf(
                sums.usage_kind = 9, sums.payer_key,
                pair_key IN (SELECT toUInt64(lookup_key - cell) FROM effective_prices WHERE cost_version = {version:UInt32} AND team != ''), pair_key,
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
    SELECT * EXCEPT (team_below), lookup_key FROM effective_prices WHERE cost_version = {version:UInt32}
    UNION ALL
    SELECT * EXCEPT (computed_at), lookup_key FROM capacity_prices FINAL WHERE starts_at < {end:DateTime} AND ends_at > {start:DateTime}
) AS prices
    ON used.lookup = prices.lookup_key AND used.minute >= prices.starts_at;

-- team_below is, in a price of an account's contract, the team over whose contract it lies, for calls of both; it is empty in
-- the account's price for calls of other teams.
ALTER TABLE effective_prices
    ADD COLUMN IF NOT EXISTS team_below LowCardinality(String) AFTER team,
    MODIFY COLUMN lookup_key UInt64 MATERIALIZED multiIf(
        team = '', price_key,
        team_below = '', cityHash64(team, price_key),
        cityHash64(cityHash64(team, price_key), team_below)) + cell
