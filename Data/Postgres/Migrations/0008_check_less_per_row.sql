-- For each statement that writes a row PostgreSQL reads the text of all conditions of its table again: a tenth of what an answer costs it.
-- These values are constants of the program's statements, and the same conditions stand in SQLite's schema.
alter table sessions drop constraint sessions_title_source_check;
alter table messages drop constraint messages_role_check, drop constraint messages_status_check, drop constraint messages_usage_source_check;
alter table runs drop constraint runs_kind_check, drop constraint runs_status_check;
alter table run_chunks drop constraint run_chunks_kind_check;
alter table usage_entries drop constraint usage_entries_source_check;
