-- One row = the newest comparison of one kind of text of one app with its reference; findings first.
SELECT
    multiIf(startsWith(finding, 'drift:'), 'drift', share.value IS NULL, 'not enough data', 'stable') AS state,
    team,
    app,
    kind,
    share.value AS novel,
    share.low AS low,
    share.high AS high,
    share.samples AS samples,
    finding
FROM
(
    SELECT
        if(labels['team'] = '', 'unattributed', labels['team']) AS team,
        if(labels['app'] = '', 'unattributed', labels['app']) AS app,
        labels['kind'] AS kind,
        argMax(note, (window_end, startsWith(note, 'drift:'), metric = 'novel_share')) AS finding,
        argMaxIf(
            CAST(
                (value, low, high, samples),
                'Tuple(value Nullable(Float64), low Nullable(Float64), high Nullable(Float64), samples UInt64)'),
            window_end,
            metric = 'novel_share') AS share
    FROM measurements FINAL
    WHERE analyzer = 'drift' AND metric IN ('novel_share', 'shift_sd')
        AND window_end > {from:DateTime64(3)} AND window_start < {to:DateTime64(3)}
    GROUP BY team, app, kind
)
WHERE empty({teams:Array(String)}) OR has({teams:Array(String)}, team)
ORDER BY state = 'drift' DESC, state = 'stable', team, app, kind
LIMIT 100
