-- One row = one alert that is pending, firing, or was resolved a short while ago.
SELECT
    rule, fingerprint, labels, annotations, state, value,
    active_at, fired_at, resolved_at, clear_since, sent_at, evaluated_at
FROM alert_state FINAL
WHERE state != 'inactive'
