-- One row = how many records arrived again after they were stored, of minutes that ended a minute ago.
SELECT greatest(
    (SELECT toInt64(sum(delivered)) FROM deliveries WHERE producer_id != '' AND minute < toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE)
    - (SELECT toInt64(sum(stored)) FROM loss_ledger FINAL WHERE minute < toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE), 0)
