-- A row of facts has some ninety columns and is merged several times in its first minutes, which took a quarter of all that the
-- collector does at full speed. Fewer merges of more parts each do the same; parts that grow old are still merged as before.
ALTER TABLE llm_calls MODIFY SETTING merge_selector_base = 12;

ALTER TABLE llm_texts MODIFY SETTING merge_selector_base = 12
