-- One row = what calls of one price key bear per token of an hour of a resource: its list prices, all multiplied by what
-- is borne and divided by what all calls weigh, rounded down. What has no list price has a dollar a million tokens. Where
-- list prices change within the hour, so do these. Later hours that are not worked out yet have the last price of this one,
-- by what is carried instead of what is borne.
-- All hours of a price key have the same cells, or the view would look for a call's price in a cell that its hour lacks:
-- where the list prices have been split at other sizes or times of day since, the hours get what is missing, at the same
-- price. What is only cut finer replaces what it was cut from by being a microsecond newer.
INSERT INTO capacity_prices
(
    team, price_key, cell, starts_at, ends_at, day_from, input_from,
    input_rate, cache_read_rate, cache_write_5m_rate, cache_write_1h_rate,
    output_rate, reasoning_rate, input_audio_rate, cache_read_audio_rate,
    output_audio_rate, input_image_rate, output_image_rate, request_rate, source, computed_at
)
WITH
    {version:UInt32} AS version,
    served AS
    (
        SELECT DISTINCT price_key
        FROM llm_calls FINAL
        WHERE capacity = {resource:String}
            AND started_at >= {hour:DateTime}
            AND started_at < {hour:DateTime} + INTERVAL 1 HOUR
    ),
    list_prices AS
    (
        SELECT *
        FROM effective_prices
        WHERE cost_version = version
            AND price_key IN served
            AND (
                team = '*'
                OR (team = '' AND price_key NOT IN (SELECT price_key FROM effective_prices WHERE cost_version = version AND team = '*'))
            )
    ),
    known AS
    (
        SELECT price_key, starts_at, day_from, input_from, COLUMNS('_rate$'), computed_at
        FROM capacity_prices FINAL
        WHERE team = concat('capacity:', {resource:String}) AND price_key IN served
    ),
    moments AS
    (
        SELECT price_key, {hour:DateTime} AS starts_at FROM served
        UNION DISTINCT
        SELECT price_key, starts_at
        FROM (SELECT price_key, arrayJoin([starts_at, ends_at]) AS starts_at FROM list_prices UNION ALL SELECT price_key, starts_at FROM known)
        WHERE starts_at >= {hour:DateTime} AND starts_at < {hour:DateTime} + INTERVAL 1 HOUR
    ),
    listed AS
    (
        SELECT price_key, moments.starts_at AS starts_at, day_from, input_from, COLUMNS('_rate$')
        FROM list_prices INNER JOIN moments USING (price_key)
        WHERE list_prices.starts_at <= moments.starts_at AND list_prices.ends_at > moments.starts_at
    ),
    weighed AS
    (
        SELECT * FROM listed
        UNION ALL
        SELECT price_key, starts_at, day_from, input_from,
            1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 0
        FROM moments INNER JOIN
        (
            SELECT price_key, day_from, input_from FROM list_prices
            UNION DISTINCT
            SELECT price_key, 0, 0 FROM served
        ) AS cells USING (price_key)
        WHERE (price_key, starts_at, day_from, input_from) NOT IN (SELECT price_key, starts_at, day_from, input_from FROM listed)
    ),
    grids AS
    (
        SELECT price_key, arraySort(groupUniqArray(day_from)) AS days, arraySort(groupUniqArray(input_from)) AS tiers
        FROM (SELECT price_key, day_from, input_from FROM weighed UNION ALL SELECT price_key, day_from, input_from FROM known)
        GROUP BY price_key
    ),
    hours AS
    (
        SELECT *,
            {now:DateTime64(6)} AS computed_at, {borne:Int128} AS borne, {weight:Int128} AS weight
        FROM weighed
        UNION ALL
        SELECT * REPLACE ({hour:DateTime} + INTERVAL 1 HOUR AS starts_at),
            {now:DateTime64(6)}, {carried:Int128}, {weight:Int128}
        FROM weighed
        WHERE (price_key, weighed.starts_at) IN (SELECT price_key, max(starts_at) FROM moments GROUP BY price_key)
            AND price_key NOT IN (SELECT price_key FROM known WHERE starts_at > {hour:DateTime} + INTERVAL 59 MINUTE)
        UNION ALL
        SELECT * REPLACE (computed_at + INTERVAL 1 MICROSECOND AS computed_at), 1 AS borne, 1 AS weight
        FROM known
        WHERE (price_key, starts_at) NOT IN (SELECT price_key, starts_at FROM moments)
            AND (price_key, starts_at) NOT IN
            (
                SELECT price_key, starts_at
                FROM known INNER JOIN grids USING (price_key)
                GROUP BY price_key, starts_at
                HAVING count() = any(length(days) * length(tiers))
            )
    )
SELECT
    concat('capacity:', {resource:String}),
    price_key,
    {tiers_of_a_span:UInt16} * (indexOf(days, day) - 1) + indexOf(tiers, tier) - 1 AS cell,
    starts_at,
    starts_at + INTERVAL 1 DAY,
    day,
    tier,
    COLUMNS('_rate$') APPLY(rate -> toInt64(intDiv(toInt128(rate) * borne, weight))),
    {resource:String},
    computed_at
FROM
(
    SELECT hours.*, days, tiers, arrayJoin(days) AS day, arrayJoin(tiers) AS tier
    FROM hours INNER JOIN grids USING (price_key)
)
WHERE day >= day_from AND tier >= input_from AND NOT throwIf(length(tiers) > {tiers_of_a_span:UInt16}, 'prices of capacity have changed at more than 15 sizes of the input: state fewer')
ORDER BY day_from DESC, input_from DESC
LIMIT 1 BY price_key, starts_at, day, tier
