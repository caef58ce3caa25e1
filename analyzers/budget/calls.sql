-- One row = what the calls with certain attributes that one budget counts cost in the span of time that begins at `began`.
-- The cost is the known part; calls count by the minute in which they started. Spans are those of spend.sql.
SELECT
    multiIf(
        calls.started_at >= {recent:DateTime}, toStartOfMinute(calls.started_at),
        {grain:UInt16} = 60, toStartOfFifteenMinutes(calls.started_at),
        toStartOfHour(calls.started_at)) AS began,
    ifNull(sum(calls.cost), toDecimal128(0, 12)) AS cost,
    countIf(calls.is_attempt) AS attempts,
    countIf(calls.is_attempt AND calls.cost IS NOT NULL) AS priced
FROM priced_calls AS calls
WHERE toStartOfMinute(calls.started_at) >= {start:DateTime} AND toStartOfMinute(calls.started_at) < {end:DateTime}
    AND NOT calls.cache_hit
    AND arrayAll((name, pattern) -> mapContains(calls.attributes, name) AND calls.attributes[name] LIKE pattern,
        {names:Array(String)}, {patterns:Array(String)})
    AND if(calls.team = '', 'unattributed', calls.team) LIKE {team:String}
    AND if(calls.app = '', 'unattributed', calls.app) LIKE {app:String}
    AND calls.feature LIKE {feature:String} AND calls.environment LIKE {environment:String}
    AND calls.provider LIKE {provider:String} AND calls.model LIKE {model:String}
GROUP BY began
ORDER BY began
