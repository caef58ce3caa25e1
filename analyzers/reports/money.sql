-- One row = what the calls with these dimensions cost, for what, and how much of it for nothing; see docs/cost.md.
-- Counted are the minutes that begin in start ≤ t < end. A dimension that is switched off is empty; texts_of_attributes has
-- one text for each of `attributes`, empty where a call lacks it. An amount is NULL when it is about calls of which none has
-- a known one; what rests on rates is left out of calls that say their own cost. Charges are no calls.
WITH
    calls.cost_status IN ('priced', 'estimated', 'flat') AS has_rates,
    calls.cost_status IN ('free', 'cache_hit') AS costs_nothing,
    calls.input_rate - calls.cache_read_rate AS cheaper_by,
    calls.cost IS NOT NULL AND calls.operation != 'count_tokens' AS counts,
    toDecimal128('0.000000000001', 12) AS picodollar,
    toDecimal128(0, 12) AS nothing
SELECT
    if({by_team:Bool}, if(calls.team = '', 'unattributed', calls.team), '') AS team,
    if({by_app:Bool}, if(calls.app = '', 'unattributed', calls.app), '') AS app,
    if({by_feature:Bool}, calls.feature, '') AS feature,
    if({by_environment:Bool}, calls.environment, '') AS environment,
    if({by_provider:Bool}, calls.provider, '') AS provider,
    if({by_model:Bool}, calls.model, '') AS model,
    if({by_operation:Bool}, calls.operation, '') AS operation,
    if({by_user:Bool}, calls.user_hash, '') AS user,
    if({by_session:Bool}, calls.session_id, '') AS session,
    if({by_prompt:Bool}, calls.prompt_name, '') AS prompt,
    if({by_prompt_version:Bool}, calls.prompt_version, '') AS prompt_version,
    arrayMap(name -> calls.attributes[name], {attributes:Array(String)}) AS texts_of_attributes,
    countIf(calls.is_attempt) AS attempts,
    countIf(calls.is_attempt AND calls.cost IS NOT NULL) AS priced,
    if(attempts = 0, nothing, sumIf(calls.cost, calls.is_attempt)) AS cost_usd,
    cost_usd / nullIf(countIf(calls.is_attempt AND counts), 0) AS per_call_usd,
    sumIf(ifNull(calls.input_tokens, 0) + ifNull(calls.output_tokens, 0), calls.is_attempt AND counts) AS tokens,
    1000 * cost_usd / nullIf(tokens, 0) AS per_1k_tokens_usd,
    sumIf(calls.cost, calls.session_id != '')
        / nullIf(uniqExactIf(calls.session_id, calls.session_id != '' AND calls.cost IS NOT NULL), 0) AS per_session_usd,
    cost_usd / nullIf(countIf(calls.is_final AND calls.status = 'ok' AND counts), 0) AS per_answer_usd,
    if(countIf(NOT calls.is_final) = 0, nothing, sumIf(calls.cost, NOT calls.is_final)) AS retries_usd,
    toFloat64(retries_usd) / nullIf(toFloat64(cost_usd), 0) AS retries_share,
    if(countIf(calls.stream_outcome = 'abandoned') = 0, nothing, sumIf(calls.cost, calls.stream_outcome = 'abandoned')) AS abandoned_usd,
    sum(multiIf(
        has_rates, toDecimal128(calls.cached_text * cheaper_by, 0) * picodollar,
        costs_nothing, nothing,
        NULL)) AS cache_savings_usd,
    if(countIf(calls.cache_hit) = 0, nothing, sum(calls.saved)) AS app_cache_saved_usd,
    sum(multiIf(
        has_rates AND calls.session_id IN (
            SELECT session_id
            FROM llm_calls FINAL
            WHERE superseded = 0 AND NOT cache_hit AND session_id != ''
                AND toStartOfMinute(started_at) >= {start:DateTime} AND toStartOfMinute(started_at) < {end:DateTime}
            GROUP BY session_id
            HAVING uniqExact(operation_id) > 1
        ), toDecimal128(calls.fresh_text * cheaper_by, 0) * picodollar,
        has_rates OR costs_nothing, nothing,
        NULL)) AS missed_cache_usd,
    priced / nullIf(attempts, 0) AS priced_share
FROM priced_calls AS calls
WHERE toStartOfMinute(calls.started_at) >= {start:DateTime} AND toStartOfMinute(calls.started_at) < {end:DateTime} AND calls.operation != 'charge'
GROUP BY team, app, feature, environment, provider, model, operation, user, session, prompt, prompt_version, texts_of_attributes
ORDER BY cost_usd DESC NULLS LAST, attempts DESC, team, app, feature, environment, provider, model, operation, user, session, prompt, prompt_version, texts_of_attributes
LIMIT {rows:UInt64}
