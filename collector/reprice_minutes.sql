-- One row = calls of one minute that share the dimensions, as they were rolled up, with their staged cost.
INSERT INTO call_minutes
SELECT
    old.* EXCEPT (dimensions) REPLACE (
        staged.cost AS cost,
        staged.estimated_cost AS estimated_cost,
        staged.priced AS priced,
        staged.unpriced AS unpriced,
        staged.saved AS saved,
        {written:DateTime64(6)} AS version
    )
FROM
(
    SELECT *, cityHash64(team, app, feature, environment, provider, model, operation) AS dimensions
    FROM call_minutes FINAL
    WHERE minute >= {start:DateTime} AND minute < {end:DateTime}
) AS old
INNER JOIN
(
    SELECT * FROM staged_minutes
    WHERE cost_version = {version:UInt32} AND minute >= {start:DateTime} AND minute < {end:DateTime}
) AS staged USING (minute, dimensions)
WHERE (old.cost, old.estimated_cost, old.priced, old.saved) IS DISTINCT FROM (staged.cost, staged.estimated_cost, staged.priced, staged.saved)
