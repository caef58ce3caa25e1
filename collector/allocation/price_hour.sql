-- One row = what calls of one price key bear per token of an hour of a resource: its list prices, all multiplied by what
-- is borne and divided by what all calls weigh, rounded down. What has no list price has a dollar a million tokens.
INSERT INTO capacity_prices
(
    team, price_key, cell, starts_at, ends_at, day_from, input_from,
    input_rate, cache_read_rate, cache_write_5m_rate, cache_write_1h_rate,
    output_rate, reasoning_rate, input_audio_rate, cache_read_audio_rate,
    output_audio_rate, input_image_rate, output_image_rate, request_rate, source, computed_at
)
WITH
    (SELECT max(number) FROM cost_versions) AS version,
    {borne:Int128} AS borne,
    {weight:Int128} AS weight,
    served AS
    (
        SELECT DISTINCT price_key
        FROM llm_calls
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
    listed AS
    (
        SELECT price_key, cell, day_from, input_from, COLUMNS('_rate$')
        FROM list_prices
        WHERE starts_at <= {hour:DateTime} AND ends_at > {hour:DateTime}
    ),
    weighed AS
    (
        SELECT * FROM listed
        UNION ALL
        SELECT price_key, cell, day_from, input_from,
            1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 1000000, 0
        FROM
        (
            SELECT price_key, cell, day_from, input_from FROM list_prices
            UNION DISTINCT
            SELECT price_key, 0, 0, 0 FROM served
        )
        WHERE (price_key, cell) NOT IN (SELECT price_key, cell FROM listed)
    )
SELECT
    concat('capacity:', {resource:String}),
    price_key,
    cell,
    {hour:DateTime},
    {hour:DateTime} + INTERVAL 1 DAY,
    day_from,
    input_from,
    COLUMNS('_rate$') APPLY(rate -> toInt64(intDiv(toInt128(rate) * borne, weight))),
    {resource:String},
    {now:DateTime64(6)}
FROM weighed
