-- The only row = how many of the kept calls one budget counts, and which attributes calls have: all names, and the texts of
-- those that it asks for, with their names.
SELECT
    countIf(arrayAll((name, pattern) -> mapContains(attributes, name) AND attributes[name] LIKE pattern,
        {names:Array(String)}, {patterns:Array(String)})
        AND if(team = '', 'unattributed', team) LIKE {team:String} AND if(app = '', 'unattributed', app) LIKE {app:String}
        AND feature LIKE {feature:String} AND environment LIKE {environment:String} AND provider LIKE {provider:String}
        AND if(model_responded != '', model_responded, model_requested) LIKE {model:String}) AS counted,
    groupUniqArrayArray(1000)(mapKeys(attributes)) AS known,
    groupUniqArrayArray(1000)(arrayFilter(
        (attribute) -> has({names:Array(String)}, attribute.1),
        arrayZip(mapKeys(attributes), mapValues(attributes)))) AS texts
FROM llm_calls
WHERE superseded = 0
