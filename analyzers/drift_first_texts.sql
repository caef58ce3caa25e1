-- One row = one of the first distinct texts of a group (team, app, kind) that has no reference yet. As in
-- drift_texts.sql a session says one text, its latest; a call without a session stands for itself; of a large app only
-- about four times as many sessions as needed are read on, chosen by their hashes.
SELECT team, app, kind, text, min(latest_at) AS said_at
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
        AND (team, app, kind) NOT IN (SELECT team, app, kind FROM drift_references WHERE embedder = {embedder:String})
    GROUP BY team, app, kind, session
)
GROUP BY team, app, kind, text
ORDER BY team, app, kind, said_at, text
LIMIT {most:UInt32} BY team, app, kind
