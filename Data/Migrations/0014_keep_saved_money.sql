-- What the provider's prompt cache saved of an answer's cost, as in usage_entries; null without a price.
alter table messages add column saved_nanos integer;
