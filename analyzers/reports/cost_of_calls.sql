-- One row = what the calls with these dimensions cost: what cost.sql says, from single calls, because totals know less of them.
-- Counted are the minutes that begin in start ≤ t < end. A dimension that is switched off is empty; texts_of_attributes has
-- one text for each of `attributes`, empty where a call lacks it.
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
    ifNull(sum(calls.cost), toDecimal128(0, 12)) AS known,
    if(priced = 0 AND known = 0 AND attempts > 0, NULL, known) AS cost_usd,
    ifNull(sumIf(calls.cost, calls.cost_status = 'estimated'), toDecimal128(0, 12)) AS estimated_usd,
    priced / nullIf(attempts, 0) AS priced_share,
    sumIf(ifNull(calls.input_tokens, 0), calls.is_attempt) AS input_tokens,
    sumIf(ifNull(calls.output_tokens, 0), calls.is_attempt) AS output_tokens
FROM priced_calls AS calls
WHERE toStartOfMinute(calls.started_at) >= {start:DateTime} AND toStartOfMinute(calls.started_at) < {end:DateTime}
GROUP BY team, app, feature, environment, provider, model, operation, user, session, prompt, prompt_version, texts_of_attributes
HAVING attempts > 0 OR cost_usd != 0
ORDER BY cost_usd DESC NULLS LAST, attempts DESC, team, app, feature, environment, provider, model, operation, user, session, prompt, prompt_version, texts_of_attributes
LIMIT {rows:UInt64}
