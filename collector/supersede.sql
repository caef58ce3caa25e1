-- One row = a newer version, superseded, of a second-hand call of the given minutes that another row tells of as well.
-- That is a hook's row with the same response id, or one that was made inside the span or inside a span in it; the hook
-- began a minute earlier to ten minutes later. Of second-hand rows with one response id one is superseded by a better one that
-- began a minute before or after it at most: better is one whose usage is told, of two alike the one that began first. Hits of an app's own cache have the response id of the call whose answer they give again,
-- and are left alone.
INSERT INTO llm_calls
SELECT * REPLACE (received_at + toIntervalMillisecond(1) AS received_at, 1 AS superseded)
FROM
(
    SELECT *
    FROM llm_calls FINAL
    WHERE toStartOfMinute(started_at) IN {minutes:Array(DateTime)}
        AND producer_id = ''
        AND superseded = 0
        AND NOT cache_hit
        AND
        (
            (response_id, toStartOfMinute(started_at)) IN
            (
                SELECT response_id, toStartOfMinute(started_at) + toIntervalMinute(arrayJoin(range(-10, 2)))
                FROM llm_calls
                WHERE toStartOfMinute(started_at) IN (SELECT arrayJoin({minutes:Array(DateTime)}) + toIntervalMinute(arrayJoin(range(-1, 11))))
                    AND producer_id != ''
                    AND response_id != ''
                    AND NOT cache_hit
                    AND response_id IN
                    (
                        SELECT response_id
                        FROM llm_calls
                        WHERE toStartOfMinute(started_at) IN {minutes:Array(DateTime)} AND producer_id = ''
                    )
            )
            OR (trace_id, span_id, toStartOfMinute(started_at)) IN
            (
                SELECT
                    trace_id,
                    arrayJoin([span_id, parent_span_id]),
                    toStartOfMinute(started_at) + toIntervalMinute(arrayJoin(range(-10, 2)))
                FROM llm_calls
                WHERE toStartOfMinute(started_at) IN (SELECT arrayJoin({minutes:Array(DateTime)}) + toIntervalMinute(arrayJoin(range(-1, 11))))
                    AND producer_id != ''
                    AND trace_id != ''
                    AND trace_id IN
                    (
                        SELECT trace_id
                        FROM llm_calls
                        WHERE toStartOfMinute(started_at) IN {minutes:Array(DateTime)} AND producer_id = ''
                    )
            )
            OR (response_id, started_at, call_id) IN
            (
                SELECT response_id, started_at, call_id
                FROM
                (
                    SELECT
                        response_id,
                        started_at,
                        call_id,
                        (lacks_usage, started_at, call_id) AS own,
                        min(own) OVER (
                            PARTITION BY response_id
                            ORDER BY toUnixTimestamp(toStartOfMinute(started_at))
                            RANGE BETWEEN 60 PRECEDING AND 60 FOLLOWING) AS best
                    FROM
                    (
                        SELECT response_id, started_at, call_id, min(usage_source != 'provider') AS lacks_usage
                        FROM llm_calls
                        WHERE toStartOfMinute(started_at) IN (SELECT arrayJoin({minutes:Array(DateTime)}) + toIntervalMinute(arrayJoin(range(-1, 2))))
                            AND producer_id = ''
                            AND response_id != ''
                            AND NOT cache_hit
                        GROUP BY response_id, started_at, call_id
                    )
                )
                WHERE own > best
            )
        )
)
SETTINGS max_threads = 1, insert_deduplicate = 0
