-- One row = what was concluded about drift with these dimensions; a dimension that is switched off is empty.
-- novel_share and shift_sd are the largest, p_value the smallest; the note is the newest finding, or the newest note.
SELECT
    if({by_team:Bool}, labels['team'], '') AS team,
    if({by_app:Bool}, labels['app'], '') AS app,
    if({by_kind:Bool}, labels['kind'], '') AS kind,
    countIf(metric = 'novel_share') AS comparisons,
    countIf(startsWith(measured.note, 'drift:')) AS findings,
    maxIf(value, metric = 'novel_share') AS novel_share,
    maxIf(value, metric = 'shift_sd') AS shift_sd,
    minIf(value, metric = 'p_value') AS p_value,
    argMax(measured.note, (startsWith(measured.note, 'drift:'), measured.note != '', window_end)) AS note
FROM measurements AS measured FINAL
WHERE analyzer = 'drift' AND window_end > {start:DateTime} AND window_end <= {end:DateTime}
GROUP BY team, app, kind
ORDER BY findings DESC, novel_share DESC NULLS LAST, team, app, kind
