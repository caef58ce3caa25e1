-- One row = by what one team bears the shared costs of one day: its known cost, its tokens (without
-- those of contradictory usage) or its attempts.
SELECT
    toDateTime(toStartOfDay(minute)) AS day,
    team,
    multiIf(
        {driver:String} = 'cost', ifNull(sum(minutes.cost), toDecimal128(0, 12)),
        {driver:String} = 'tokens', toDecimal128(sumIf(minutes.input_tokens + minutes.output_tokens, usage_kind != 5), 12),
        toDecimal128(sum(minutes.attempts), 12)) AS amount
FROM call_minutes AS minutes FINAL
WHERE minute >= {start:DateTime} AND minute < {end:DateTime} AND operation != 'charge'
GROUP BY day, team
HAVING amount > 0
