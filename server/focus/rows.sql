-- One row = what calls of one day that share the dimensions used of one meter at one price, or what was booked of such calls: a row of a FOCUS file, with the columns of every version.
SELECT *
FROM
(
    SELECT
        toDateTime64(toStartOfMonth(billed_in), 0, 'UTC') AS BillingPeriodStart,
        toDateTime64(toStartOfMonth(billed_in) + INTERVAL 1 MONTH, 0, 'UTC') AS BillingPeriodEnd,
        toDateTime64({day:Date}, 0, 'UTC') AS ChargePeriodStart,
        toDateTime64({day:Date} + 1, 0, 'UTC') AS ChargePeriodEnd,
        if(operation = 'charge', 'Purchase', 'Usage') AS ChargeCategory,
        if(is_correction, 'Correction', NULL) AS ChargeClass,
        if(operation = 'charge', 'One-Time', 'Usage-Based') AS ChargeFrequency,
        'AI and Machine Learning' AS ServiceCategory,
        'Generative AI' AS ServiceSubcategory,
        transform(service, {providers:Array(String)}, {services:Array(String)}, service) AS ServiceName,
        transform(service, {providers:Array(String)}, {service_providers:Array(String)}, service) AS ServiceProviderName,
        ServiceProviderName AS HostProviderName,
        ServiceProviderName AS ProviderName,
        ServiceProviderName AS PublisherName,
        ServiceProviderName AS InvoiceIssuerName,
        multiIf(account != '', account, host != '', host, service) AS BillingAccountId,
        CAST(NULL, 'Nullable(String)') AS BillingAccountName,
        CAST(NULL, 'Nullable(String)') AS InvoiceId,
        nullIf(region, '') AS RegionId,
        nullIf(region, '') AS RegionName,
        if(is_correction, NULL, concat(service, '/', model, '/', token_type)) AS SkuId,
        if(is_correction, NULL, concat(service, '/', model, '/', token_type, '/', tier, '/', toString(context_tier))) AS SkuPriceId,
        if(is_correction, NULL, meter) AS SkuMeter,
        if(is_correction, NULL, toJSONString(map(
            'x_ModelId', model, 'x_TokenType', token_type, 'x_ServiceTier', tier, 'x_ContextTier', toString(context_tier)
        ))) AS SkuPriceDetails,
        concat(if(model = '', 'no model', model), ': ', if(is_correction, 'Correction', meter)) AS ChargeDescription,
        toJSONString(mapFilter((key, value) -> value != '', map(
            'team', team, 'app', app, 'feature', feature, 'environment', environment
        ))) AS Tags,
        if(is_correction, NULL, if(cost_status = 'flat', 'Other', 'Standard')) AS PricingCategory,
        if(is_correction OR operation = 'charge', NULL, consumed) AS ConsumedQuantity,
        if(ConsumedQuantity IS NULL, NULL, if(unit = 'USD', 'Requests', unit)) AS ConsumedUnit,
        if(is_correction, NULL, quantity) AS PricingQuantity,
        if(is_correction, NULL, unit) AS PricingUnit,
        if(is_correction, NULL, list_price) AS ListUnitPrice,
        toDecimal128(quantity * list_price, 12) AS ListCost,
        if(is_correction, NULL, price) AS ContractedUnitPrice,
        toDecimal128(quantity * price, 12) AS ContractedCost,
        ContractedCost AS EffectiveCost,
        ContractedCost AS BilledCost,
        'USD' AS BillingCurrency,
        BillingCurrency AS PricingCurrency,
        ListUnitPrice AS PricingCurrencyListUnitPrice,
        ContractedUnitPrice AS PricingCurrencyContractedUnitPrice,
        EffectiveCost AS PricingCurrencyEffectiveCost,
        CAST(NULL, 'Nullable(String)') AS CommitmentDiscountStatus,
        cost_status AS x_CostStatus,
        cost_version AS x_CostVersion,
        list_price_status AS x_ListPriceStatus,
        nullIf(price_source, '') AS x_PriceSource,
        operation AS x_Operation,
        nullIf(host, '') AS x_Host
    FROM
    (
        SELECT
            1 AS is_metered,
            calls.dimensions AS dimensions,
            {day:Date} AS billed_in,
            0 AS is_correction,
            toString(provider) AS service,
            toString(calls.host) AS host,
            toString(calls.account) AS account,
            toString(calls.region) AS region,
            toString(model) AS model,
            toString(team) AS team,
            toString(app) AS app,
            toString(feature) AS feature,
            toString(environment) AS environment,
            toString(operation) AS operation,
            if(calls.service_tier = '', 'standard', calls.service_tier) AS tier,
            if(calls.cost_status = 'provider_reported', 0, calls.input_from) AS context_tier,
            used.1 AS token_type,
            used.2 AS meter,
            used.3 AS unit,
            sum(used.4) AS quantity,
            used.5 AS price,
            used.6 AS list_price,
            if(unit = 'USD', toDecimal128(count(), 12), sum(used.4)) AS consumed,
            toString(calls.cost_status) AS cost_status,
            {version:UInt32} AS cost_version,
            if(calls.cost_status = 'provider_reported', 'provider_reported', listed.price_status) AS list_price_status,
            if(calls.cost_status = 'provider_reported', '', toString(calls.price_source)) AS price_source
        FROM priced_calls_at(version = {version:UInt32}, contracts = 1) AS calls
        INNER JOIN
        (
            SELECT
                *,
                multiIf(
                    NOT is_priced, 'unpriced',
                    bitAnd(used_tokens, lacks_input + 2 * lacks_output) != 0, 'partial',
                    'priced') AS price_status
            FROM rated_calls_at(version = {version:UInt32}, contracts = 0)
            WHERE started_at >= {day:Date} AND started_at < {day:Date} + 1
        ) AS listed ON calls.call_id = listed.call_id AND calls.started_at = listed.started_at
        ARRAY JOIN arrayFilter(one -> one.4 != 0 AND (one.3 != 'Requests' OR one.5 != 0 OR one.6 != 0), arrayMap(
            one -> (one.1, one.2, one.3, one.4, one.5, if(listed.price_status = 'priced', one.6, one.5)),
            if(calls.cost_status = 'provider_reported',
                [('reported', 'Reported Cost', 'USD', assumeNotNull(calls.provider_reported_cost), toDecimal128(1, 12), toDecimal128(1, 12))],
                arrayMap(
                    one -> (one.1, one.2, if(one.1 = 'request', 'Requests', 'Tokens'), toDecimal128(one.3, 12),
                        reinterpret(toInt128(one.4), 'Decimal(38, 12)'), reinterpret(toInt128(one.5), 'Decimal(38, 12)')),
                    [
                        ('input', 'Input Tokens', calls.fresh_text, calls.input_rate, listed.input_rate),
                        ('cache_read', 'Cache Read Tokens', calls.cached_text, calls.cache_read_rate, listed.cache_read_rate),
                        ('cache_write_5m', 'Cache Write Tokens, 5 Minutes', calls.written_5m, calls.cache_write_5m_rate, listed.cache_write_5m_rate),
                        ('cache_write_1h', 'Cache Write Tokens, 1 Hour', calls.written_1h, calls.cache_write_1h_rate, listed.cache_write_1h_rate),
                        ('input_audio', 'Audio Input Tokens', calls.fresh_audio, calls.input_audio_rate, listed.input_audio_rate),
                        ('cache_read_audio', 'Audio Cache Read Tokens', calls.cached_audio, calls.cache_read_audio_rate, listed.cache_read_audio_rate),
                        ('input_image', 'Image Input Tokens', calls.input_image, calls.input_image_rate, listed.input_image_rate),
                        ('output', 'Output Tokens', calls.output_text, calls.output_rate, listed.output_rate),
                        ('reasoning', 'Reasoning Tokens', calls.reasoning, calls.reasoning_rate, listed.reasoning_rate),
                        ('output_audio', 'Audio Output Tokens', calls.output_audio, calls.output_audio_rate, listed.output_audio_rate),
                        ('output_image', 'Image Output Tokens', calls.output_image, calls.output_image_rate, listed.output_image_rate),
                        ('request', 'Requests', toInt64(1), calls.request_rate, listed.request_rate)
                    ]
                )
            )
        )) AS used
        WHERE calls.started_at >= {day:Date} AND calls.started_at < {day:Date} + 1
            AND calls.cost_status IN ('priced', 'estimated', 'flat', 'provider_reported')
        GROUP BY ALL
        UNION ALL
        SELECT
            0 AS is_metered,
            cityHash64(
                entries.team, entries.app, entries.feature, entries.environment, entries.provider, entries.model, entries.operation
            ) AS dimensions,
            if(entries.kind = 'usage', {day:Date}, closings.month) AS billed_in,
            entries.kind = 'correction' AS is_correction,
            toString(entries.provider), '', '', '', toString(entries.model),
            toString(entries.team), toString(entries.app), toString(entries.feature), toString(entries.environment),
            toString(entries.operation), 'standard', 0,
            'booked', 'Booked Cost', 'USD',
            sum(entries.cost) AS booked, toDecimal128(1, 12), toDecimal128(1, 12), toDecimal128(sum(entries.attempts), 12),
            'booked', closings.cost_version, 'booked', ''
        FROM book_entries AS entries
        INNER JOIN (SELECT DISTINCT number, month, cost_version FROM book_closings) AS closings ON entries.closing = closings.number
        WHERE entries.day = {day:Date}
        GROUP BY ALL
        HAVING booked != 0
    )
    -- Of a closed month: by meter where that adds up to what was booked, else as it was booked.
    WHERE {closed:UInt8} = 0 OR is_correction OR is_metered = (dimensions IN
    (
        SELECT dimensions
        FROM
        (
            SELECT
                cityHash64(team, app, feature, environment, provider, model, operation) AS dimensions,
                ifNull(minutes.cost, toDecimal128(0, 12)) AS amount
            FROM priced_minutes_at(
                version = {version:UInt32}, anew = 1, start = toDateTime({day:Date}), end = toDateTime({day:Date} + 1)) AS minutes
            UNION ALL
            SELECT cityHash64(team, app, feature, environment, provider, model, operation), -cost
            FROM book_entries
            WHERE day = {day:Date} AND kind = 'usage' AND closing IN (SELECT number FROM book_closings)
        )
        GROUP BY dimensions
        HAVING sum(amount) = 0
    ))
)
ORDER BY ALL
SETTINGS date_time_output_format = 'iso', format_csv_null_representation = '', output_format_decimal_trailing_zeros = 1, max_threads = 1,
    output_format_parquet_row_group_size = 65536, output_format_parquet_row_group_size_bytes = 67108864
