-- One row = one alert that fires, is pending, or resolved in the range; the most urgent first.
SELECT
    state,
    rule,
    if(annotations['summary'] != '', annotations['summary'],
        arrayStringConcat(arrayMap((name, text) -> concat(name, ' = ', text), mapKeys(labels), mapValues(labels)), ', ')) AS summary,
    coalesce(resolved_at, fired_at, active_at) AS since
FROM alert_state FINAL
WHERE (state IN ('firing', 'pending') OR (state = 'resolved' AND resolved_at >= {from:DateTime64(3)} AND resolved_at < {to:DateTime64(3)}))
    AND (empty({teams:Array(String)}) OR labels['team'] = '' OR has({teams:Array(String)}, labels['team']))
ORDER BY indexOf(['firing', 'pending', 'resolved'], state), since DESC, rule
LIMIT 100
