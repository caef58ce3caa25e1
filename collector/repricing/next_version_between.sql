-- One row = the version of a roll-up that begins now: later than all that a span of time has, even when the clock went backwards.
SELECT greatest(
    now64(6, 'UTC'),
    (SELECT max(version) FROM call_minutes WHERE minute >= {start:DateTime} AND minute < {end:DateTime}) + toIntervalMicrosecond(1),
    (SELECT max(version) FROM call_hours WHERE hour >= {start:DateTime} AND hour < {end:DateTime}) + toIntervalMicrosecond(1)
)
