-- One row = the version of a roll-up that begins now: later than all earlier ones, even when the clock went backwards.
SELECT greatest(
    now64(6, 'UTC'),
    (SELECT max(version) FROM call_minutes WHERE minute IN {minutes:Array(DateTime)}) + toIntervalMicrosecond(1),
    (SELECT max(version) FROM call_hours WHERE hour IN {hours:Array(DateTime)}) + toIntervalMicrosecond(1),
    (SELECT max(version) FROM loss_ledger WHERE minute IN {minutes:Array(DateTime)}) + toIntervalMicrosecond(1)
)
