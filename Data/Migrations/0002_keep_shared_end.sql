-- A shared chat's last answer may be continued in place; the link shows what it said, and how it had ended, when the link was made.
-- Null: a link made before, which shows all of it.
alter table shares add column leaf_length integer;
alter table shares add column leaf_status text;
