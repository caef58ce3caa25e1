-- The only row = how many roll-ups one budget has ever counted, and which names calls ever had in each dimension.
SELECT
    countIf(team LIKE {team:String} AND app LIKE {app:String} AND feature LIKE {feature:String}
        AND environment LIKE {environment:String} AND provider LIKE {provider:String} AND model LIKE {model:String}) AS counted,
    groupUniqArray(1000)(toString(team)) AS teams,
    groupUniqArray(1000)(toString(app)) AS apps,
    groupUniqArray(1000)(toString(feature)) AS features,
    groupUniqArray(1000)(toString(environment)) AS environments,
    groupUniqArray(1000)(toString(provider)) AS providers,
    groupUniqArray(1000)(toString(model)) AS models
FROM call_periods AS periods
WHERE grain = 3600
