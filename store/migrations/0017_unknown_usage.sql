-- A call whose sender names the provider as the source of its usage but gives no count has an unknown usage, and so an unknown
-- cost: what is absent is not 0. This is the usage_kind of 0014 besides.
ALTER TABLE llm_calls
    MODIFY COLUMN usage_kind UInt8 MATERIALIZED multiIf(
        provider_reported_cost IS NOT NULL AND capacity = '', 1,
        operation = 'count_tokens', 2,
        (usage_source = 'missing' OR (input_tokens IS NULL AND output_tokens IS NULL)) AND ifNull(http_status, 0) >= 400, 2,
        usage_source = 'missing' OR (input_tokens IS NULL AND output_tokens IS NULL), 3,
        usage_is_contradictory, 5,
        capacity != '', 9,
        usage_source = 'estimated', 7,
        8)
