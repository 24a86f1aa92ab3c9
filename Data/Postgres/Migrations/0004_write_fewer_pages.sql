-- The indexes of SQLite's step of this name.
update messages set status = 'interrupted'
where status = 'streaming' and id not in (select message_id from runs where status = 'running');
drop index messages_streaming;
drop index messages_roots;
drop index messages_by_session;
create index messages_by_session on messages (session_id, id, parent_id);
drop index runs_by_user;
drop index daily_usage_held;
create index daily_usage_by_day on daily_usage (day);
drop index usage_entries_by_user;
drop index usage_entries_by_session;
create index usage_entries_by_user on usage_entries (user_id, session_id, created_at);
