-- One row = one of the distinct texts that a group (team, app, kind) said after its reference was complete. A session
-- says one text, its latest, because turns of one conversation are not independent; a call without a session stands for
-- itself. The sample is the one with the smallest hashes of sessions: any, but always the same. Of a large app only about
-- four times as many sessions as needed are read on, so that memory does not grow with traffic.
SELECT team, app, kind, text
FROM
(
    SELECT
        team,
        app,
        kind,
        session,
        argMax(substringUTF8(said, 1, {characters:UInt32}), (started_at, call_id)) AS text,
        max(started_at) AS latest_at
    FROM
    (
        SELECT
            if(calls.team = '', 'unattributed', calls.team) AS team,
            if(calls.app = '', 'unattributed', calls.app) AS app,
            if(session_id != '', session_id, toString(call_id)) AS session,
            call_id, started_at, prompt, response
        FROM llm_texts AS calls FINAL
        INNER JOIN
        (
            SELECT team, app, uniq(if(session_id != '', session_id, toString(call_id))) AS sessions
            FROM llm_texts
            WHERE started_at >= {start:DateTime64(6)} AND started_at < {end:DateTime64(6)}
            GROUP BY team, app
        ) AS crowd ON calls.team = crowd.team AND calls.app = crowd.app
        WHERE started_at >= {start:DateTime64(6)} AND started_at < {end:DateTime64(6)}
            AND cityHash64(session) / exp2(64) < 4 * {most:UInt32} / sessions
    )
    ARRAY JOIN ['prompt', 'response'] AS kind, [prompt, response] AS said
    WHERE said != ''
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
