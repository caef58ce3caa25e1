-- One row = hours of capacity at a flat cost: what they cost, what calls used of it, and what its tokens cost in effect.
-- Counted are the hours that begin in start ≤ t < end and have been worked out. used_share is the used share of the
-- tokens that a resource is declared to have; without such a declaration it is the share of hours that had calls.
SELECT
    if({by_resource:Bool}, hours.resource, '') AS resource,
    if({by_kind:Bool}, hours.kind, '') AS kind,
    if({by_hour:Bool}, formatDateTime(hours.hour, '%Y-%m-%d %H:%i', 'UTC'), '') AS hour,
    count() AS hours,
    sum(hours.cost) AS cost_usd,
    sum(hours.used) AS used_usd,
    sum(hours.idle) AS idle_usd,
    avg(ifNull(hours.utilization, if(hours.calls > 0, 1, 0))) AS used_share,
    sum(hours.calls) AS calls,
    sum(hours.input_tokens) AS input_tokens,
    sum(hours.output_tokens) AS output_tokens,
    toFloat64(cost_usd) * 1e6 / nullIf(input_tokens + output_tokens, 0) AS per_1m_tokens_usd,
    toFloat64(sum(hours.weight)) * 1e6 / nullIf(input_tokens + output_tokens, 0) AS list_per_1m_tokens_usd
FROM capacity_hours AS hours FINAL
WHERE hours.hour >= {start:DateTime} AND hours.hour < {end:DateTime}
GROUP BY resource, kind, hour
ORDER BY cost_usd DESC, resource, kind, hour
