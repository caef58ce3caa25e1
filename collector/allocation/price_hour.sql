-- One row = what calls of one price key bear per token of an hour of a resource: its list prices, all multiplied by what
-- is borne and divided by what all calls weigh, rounded down. A model without a list price has a dollar a million tokens.
INSERT INTO capacity_prices
(
    resource, price_key, cell, starts_at, ends_at, day_from, input_from,
    input_rate, cache_read_rate, cache_write_5m_rate, cache_write_1h_rate,
    output_rate, reasoning_rate, input_audio_rate, cache_read_audio_rate,
    output_audio_rate, input_image_rate, output_image_rate, request_rate, computed_at
)
WITH
    (SELECT max(number) FROM cost_versions) AS version,
    served AS
    (
        SELECT DISTINCT price_key
        FROM llm_calls
        WHERE capacity = {resource:String}
            AND started_at >= {hour:DateTime}
            AND started_at < {hour:DateTime} + INTERVAL 1 HOUR
    ),
    listed AS
    (
        SELECT *
        FROM effective_prices
        WHERE cost_version = version
            AND starts_at <= {hour:DateTime}
            AND ends_at > {hour:DateTime}
            AND price_key IN served
            AND (
                team = '*'
                OR (team = '' AND price_key NOT IN (SELECT price_key FROM effective_prices WHERE cost_version = version AND team = '*'))
            )
    )
SELECT
    {resource:String} AS resource,
    price_key,
    cell,
    {hour:DateTime} AS starts_at,
    {hour:DateTime} + INTERVAL 1 DAY AS ends_at,
    day_from,
    input_from,
    toInt64(intDiv(toInt128(listed.input_rate) * {borne:Int128}, {weight:Int128})) AS input_rate,
    toInt64(intDiv(toInt128(listed.cache_read_rate) * {borne:Int128}, {weight:Int128})) AS cache_read_rate,
    toInt64(intDiv(toInt128(listed.cache_write_5m_rate) * {borne:Int128}, {weight:Int128})) AS cache_write_5m_rate,
    toInt64(intDiv(toInt128(listed.cache_write_1h_rate) * {borne:Int128}, {weight:Int128})) AS cache_write_1h_rate,
    toInt64(intDiv(toInt128(listed.output_rate) * {borne:Int128}, {weight:Int128})) AS output_rate,
    toInt64(intDiv(toInt128(listed.reasoning_rate) * {borne:Int128}, {weight:Int128})) AS reasoning_rate,
    toInt64(intDiv(toInt128(listed.input_audio_rate) * {borne:Int128}, {weight:Int128})) AS input_audio_rate,
    toInt64(intDiv(toInt128(listed.cache_read_audio_rate) * {borne:Int128}, {weight:Int128})) AS cache_read_audio_rate,
    toInt64(intDiv(toInt128(listed.output_audio_rate) * {borne:Int128}, {weight:Int128})) AS output_audio_rate,
    toInt64(intDiv(toInt128(listed.input_image_rate) * {borne:Int128}, {weight:Int128})) AS input_image_rate,
    toInt64(intDiv(toInt128(listed.output_image_rate) * {borne:Int128}, {weight:Int128})) AS output_image_rate,
    toInt64(intDiv(toInt128(listed.request_rate) * {borne:Int128}, {weight:Int128})) AS request_rate,
    {now:DateTime64(6)} AS computed_at
FROM listed
UNION ALL
SELECT
    {resource:String},
    price_key,
    0,
    {hour:DateTime},
    {hour:DateTime} + INTERVAL 1 DAY,
    0,
    0,
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    toInt64(intDiv(1000000 * {borne:Int128}, {weight:Int128})),
    0,
    {now:DateTime64(6)}
FROM served
WHERE price_key NOT IN (SELECT price_key FROM listed)
