-- One row = an update of the price book, or a cost version, with when and why; once even if it was written twice.
SELECT *
FROM
(
    SELECT recorded_at AS at, 'update' AS what, toString(number) AS number, concat(layer, ' ', name, ', ', toString(statements), ' statements') AS detail, reason
    FROM price_updates
    UNION ALL
    SELECT created_at AS at, 'cost version' AS what, toString(number) AS number,
        concat('calls from ', toString(calls_from), ' to ', toString(calls_to), ' by update ', toString(update_number)) AS detail, reason
    FROM cost_versions
)
ORDER BY at DESC, what
LIMIT 1 BY what, number, detail
