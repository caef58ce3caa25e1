-- One row = the share of attempts on one model of one provider that were refused by a rate limit.
SELECT
    if(provider = '', 'unknown', provider) AS provider,
    if(model = '', 'unknown', model) AS model,
    sum(rate_limited) / nullIf(sum(attempts), 0) AS value,
    sum(attempts) AS samples
FROM call_minutes FINAL
WHERE minute >= toStartOfMinute({from:DateTime64(3)}) AND minute < {to:DateTime64(3)}
GROUP BY provider, model
HAVING samples > 0
