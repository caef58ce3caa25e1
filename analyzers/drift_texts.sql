-- One row = one of the distinct texts that a group (team, app, kind) said after its reference was complete. A session
-- says one text, its latest, because turns of one conversation are not independent; a call without a session stands for
-- itself. The sample is the one with the smallest hashes of sessions: any, but always the same.
SELECT
    team,
    app,
    kind,
    text
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
) AS latest
LEFT JOIN
(
    SELECT team, app, kind, max(frozen_at) AS frozen_at
    FROM drift_references
    WHERE embedder = {embedder:String}
    GROUP BY team, app, kind
) AS reference USING (team, app, kind)
WHERE latest_at > reference.frozen_at
GROUP BY team, app, kind, text
ORDER BY team, app, kind, min(cityHash64(session)), text
LIMIT {most:UInt32} BY team, app, kind
