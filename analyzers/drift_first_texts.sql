-- One row = one of the first distinct texts of a group (team, app, kind) that has no reference yet. As in
-- drift_texts.sql a session says one text, its latest; a call without a session stands for itself.
SELECT
    team,
    app,
    kind,
    text,
    min(latest_at) AS said_at
FROM
(
    SELECT
        if(texts.team = '', 'unattributed', texts.team) AS team,
        if(texts.app = '', 'unattributed', texts.app) AS app,
        kind,
        if(session_id != '', session_id, toString(call_id)) AS session,
        argMax(substringUTF8(said, 1, {characters:UInt32}), (started_at, call_id)) AS text,
        max(started_at) AS latest_at
    FROM llm_texts AS texts FINAL
    ARRAY JOIN ['prompt', 'response'] AS kind, [prompt, response] AS said
    WHERE started_at >= {start:DateTime64(6)} AND started_at < {end:DateTime64(6)} AND said != ''
    GROUP BY team, app, kind, session
)
WHERE (team, app, kind) NOT IN (SELECT team, app, kind FROM drift_references WHERE embedder = {embedder:String})
GROUP BY team, app, kind, text
ORDER BY team, app, kind, said_at, text
LIMIT {most:UInt32} BY team, app, kind
