-- One row = the name of one team that made calls.
SELECT DISTINCT if(team = '', 'unattributed', team) AS team
FROM call_hours
ORDER BY team
LIMIT 1000
