-- How many of the oldest messages an answer's model did not get, so that a replay tells it as the live stream did.
alter table messages add column trimmed_messages integer;
