-- One row = one alert whose last change of state is not in the history: the program ended between writing the two.
SELECT
    evaluated_at AS at, rule, fingerprint, labels,
    if(known.state = '', 'inactive', known.state) AS from_state, latest.state AS to_state, value, summary
FROM (SELECT rule, fingerprint, labels, state, value, evaluated_at, summary FROM alert_state FINAL) AS latest
LEFT JOIN (
    SELECT rule, fingerprint, argMax(to_state, at) AS state FROM alert_history GROUP BY rule, fingerprint
) AS known USING (rule, fingerprint)
WHERE from_state != to_state
