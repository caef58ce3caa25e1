-- One row = the identity of one price row in the store.
SELECT price_key, valid_from, day_from, input_from, source FROM llm_prices FINAL
