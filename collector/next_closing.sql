-- One row = a number that no closing has, not even one that did not come to its end; and the newest cost version.
SELECT
    greatest((SELECT max(number) FROM book_closings), (SELECT max(closing) FROM book_entries)) + 1 AS number,
    (SELECT max(number) FROM cost_versions) AS cost_version
