-- One row = one day of one team, or of all, whose spend was an anomaly, in the 30 days before the end of the range.
SELECT
    day,
    if(team = '*', 'all teams', team) AS team,
    ratio * expected AS spent,
    expected,
    ratio,
    priced,
    finding
FROM
(
    SELECT
        labels['team'] AS team,
        labels['day'] AS day,
        anyIf(measured.value, metric = 'spend_expected_usd') AS expected,
        anyIf(measured.value, metric = 'spend_ratio') AS ratio,
        anyIf(measured.value, metric = 'spend_score') AS score,
        anyIf(measured.value, metric = 'spend_priced_share') AS priced,
        substring(anyIf(note, metric = 'spend_score' AND startsWith(note, 'anomaly: ')), length('anomaly: ') + 1) AS finding
    FROM measurements AS measured FINAL
    WHERE analyzer = 'spend'
        AND window_end > {to:DateTime64(3)} - toIntervalDay(30) AND window_end <= {to:DateTime64(3)}
        AND (empty({teams:Array(String)}) OR has({teams:Array(String)}, labels['team']))
    GROUP BY team, day
    HAVING finding != ''
)
ORDER BY day DESC, score DESC, team
LIMIT 100
