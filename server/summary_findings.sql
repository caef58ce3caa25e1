-- One row = what was first found about the drift of one kind of text of one app since the start.
SELECT
    labels['team'] AS team,
    labels['app'] AS app,
    labels['kind'] AS kind,
    count() AS windows,
    min(window_end) AS found_at,
    argMin(note, window_end) AS finding
FROM measurements FINAL
WHERE analyzer = 'drift' AND startsWith(note, 'drift:') AND window_end >= {start:DateTime64(3)}
GROUP BY team, app, kind
ORDER BY found_at, team, app, kind
