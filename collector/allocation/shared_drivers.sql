-- One row = by what one team bears the shared costs of one day: its known cost, its tokens or its attempts.
SELECT
    toDateTime(toStartOfDay(hour)) AS day,
    team,
    multiIf(
        {driver:String} = 'cost', ifNull(sum(hours.cost), toDecimal128(0, 12)),
        {driver:String} = 'tokens', toDecimal128(sum(hours.input_tokens) + sum(hours.output_tokens), 12),
        toDecimal128(sum(hours.attempts), 12)) AS amount
FROM call_hours AS hours FINAL
WHERE hour >= {start:DateTime} AND hour < {end:DateTime} AND operation != 'charge'
GROUP BY day, team
HAVING amount > 0
