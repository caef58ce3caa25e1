-- One row = one alert that fired since the start: where it stands, when it last fired, and when it resolved after that.
SELECT
    rule AS alert,
    any(labels) AS labels,
    argMax(to_state, at) AS state,
    countIf(to_state = 'firing') AS times,
    maxIf(at, to_state = 'firing') AS fired_at,
    if(maxIf(at, to_state = 'resolved') > fired_at, maxIf(at, to_state = 'resolved'), NULL) AS resolved_at,
    argMaxIf(summary, at, to_state = 'firing') AS summary
FROM alert_history
WHERE at >= toStartOfMinute({start:DateTime64(3)})
GROUP BY rule, fingerprint
HAVING times > 0
ORDER BY fired_at, rule, fingerprint
