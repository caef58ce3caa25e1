-- One row = what was found about the spend of one team on the last complete day, if it is an anomaly.
-- What all teams spent together, the team *, is told where it is an anomaly and the spend of no single team is one.
WITH days AS
(
    SELECT
        labels['team'] AS team,
        labels['day'] AS day,
        substring(anyIf(note, metric = 'spend_score' AND startsWith(note, 'anomaly: ')), length('anomaly: ') + 1) AS finding,
        anyIf(measured.value, metric = 'spend_score') AS score,
        anyIf(measured.value, metric = 'spend_ratio') AS ratio,
        anyIf(measured.value, metric = 'spend_expected_usd') AS expected,
        anyIf(measured.value, metric = 'spend_usd') AS spent,
        anyIf(measured.value, metric = 'spend_priced_share') AS priced_share,
        max(measured.samples) AS attempts
    FROM measurements AS measured FINAL
    WHERE analyzer = 'spend' AND window_end > {from:DateTime64(3)} AND window_end <= {to:DateTime64(3)}
    GROUP BY team, day
    HAVING finding != ''
)
SELECT
    team,
    day,
    splitByString('; ', finding)[1] AS happened,
    finding,
    score AS value,
    ratio,
    expected,
    spent,
    priced_share,
    attempts AS samples
FROM days
WHERE team != '*' OR day NOT IN (SELECT day FROM days WHERE team != '*')
