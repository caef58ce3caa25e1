-- One row = a threshold that a budget reached in a period that is not over at an instant.
SELECT budget, period_start, period_end, threshold, amount, actual, reached_at
FROM budget_thresholds FINAL
WHERE period_start <= {instant:DateTime} AND period_end > {instant:DateTime}
ORDER BY budget, period_start, threshold
