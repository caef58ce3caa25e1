-- One row = the share of attempts of one app on one model of one provider whose cost is unknown.
SELECT
    if(app = '', 'unknown', app) AS app,
    if(provider = '', 'unknown', provider) AS provider,
    if(model = '', 'unknown', model) AS model,
    sum(unpriced) / nullIf(sum(attempts), 0) AS value,
    sum(attempts) AS samples
FROM call_minutes FINAL
WHERE minute >= toStartOfMinute({from:DateTime64(3)}) AND minute < {to:DateTime64(3)}
GROUP BY app, provider, model
HAVING samples > 0
