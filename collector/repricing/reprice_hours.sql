-- One row = calls of one hour that share the dimensions, as they were rolled up, with what their minutes cost.
INSERT INTO call_hours
SELECT
    old.* REPLACE (
        priced.cost AS cost,
        priced.estimated_cost AS estimated_cost,
        priced.priced AS priced,
        priced.unpriced AS unpriced,
        priced.saved AS saved,
        {written:DateTime64(6)} AS version
    )
FROM (SELECT * FROM call_hours FINAL WHERE hour >= {start:DateTime} AND hour < {end:DateTime}) AS old
INNER JOIN
(
    SELECT
        toStartOfHour(minute) AS hour,
        team,
        app,
        feature,
        environment,
        provider,
        model,
        operation,
        if(sum(minutes.priced) = 0 AND sum(minutes.attempts) > 0, NULL, sum(minutes.cost)) AS cost,
        sum(minutes.estimated_cost) AS estimated_cost,
        sum(minutes.priced) AS priced,
        sum(minutes.unpriced) AS unpriced,
        sum(minutes.saved) AS saved
    FROM call_minutes AS minutes FINAL
    WHERE minute >= {start:DateTime} AND minute < {end:DateTime}
    GROUP BY hour, team, app, feature, environment, provider, model, operation
) AS priced USING (hour, team, app, feature, environment, provider, model, operation)
WHERE (old.cost, old.estimated_cost, old.priced, old.saved) IS DISTINCT FROM (priced.cost, priced.estimated_cost, priced.priced, priced.saved)
