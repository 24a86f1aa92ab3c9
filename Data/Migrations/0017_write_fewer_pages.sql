-- Each index that an answer changes is a page more in the log, at its start and again at its end. These had none or few queries of their
-- own (Tests/Data/QueryPlanTests.cs): what runs is found by runs_running, the first questions of a chat in the index of its messages, a
-- person's calls in one index for all their questions.
update messages set status = 'interrupted'
where status = 'streaming' and id not in (select message_id from runs where status = 'running');
drop index messages_streaming;
drop index messages_roots;
drop index messages_by_session;
create index messages_by_session on messages (session_id, id, parent_id);
drop index runs_by_user;

-- Changes when a person's first call of a day begins, not with each.
drop index daily_usage_held;
create index daily_usage_by_day on daily_usage (day);

-- The ledger without autoincrement, which writes a page of its own: its ids never leave the server, and none of its rows is deleted.
create table new_usage_entries (
    id integer primary key,
    user_id integer not null,
    session_id integer,
    message_id integer,
    run_id integer,
    api_key_id integer,
    connection_id integer,
    model text not null,
    provider text not null,
    status text not null,
    prompt_tokens integer not null,
    completion_tokens integer not null,
    reasoning_tokens integer not null,
    cached_tokens integer not null,
    source text not null check (source in ('provider', 'estimate')),
    price text,
    cost_nanos integer not null default 0,
    saved_nanos integer not null default 0,
    first_token_ms integer,
    total_ms integer,
    created_at integer not null
) strict;
insert into new_usage_entries (id, user_id, session_id, message_id, run_id, api_key_id, connection_id, model, provider, status,
    prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, source, price, cost_nanos, saved_nanos, first_token_ms, total_ms,
    created_at)
select id, user_id, session_id, message_id, run_id, api_key_id, connection_id, model, provider, status, prompt_tokens, completion_tokens,
    reasoning_tokens, cached_tokens, source, price, cost_nanos, saved_nanos, first_token_ms, total_ms, created_at
from usage_entries;
drop table usage_entries;
alter table new_usage_entries rename to usage_entries;
create index usage_entries_by_user on usage_entries (user_id, session_id, created_at);
create index usage_entries_by_time on usage_entries (created_at, id);

-- A message after the newest that the text index holds waits for it without a note. The table messages_text_due notes the others: those
-- that were edited, moved or deleted, and the answers that ended after a later message was indexed.
drop trigger messages_text_insert;
drop trigger messages_text_update;
drop trigger messages_text_delete;
drop trigger messages_text_move;
create trigger messages_text_insert after insert on messages
when new.content <> '' and new.id <= (select max(id) from messages_text_docsize) begin
    insert or ignore into messages_text_due (id) values (new.id);
end;
create trigger messages_text_update after update of content on messages
when new.id <= (select max(id) from messages_text_docsize) begin
    insert or ignore into messages_text_due (id) values (new.id);
end;
create trigger messages_text_delete after delete on messages
when old.content <> '' and old.id <= (select max(id) from messages_text_docsize) begin
    insert or ignore into messages_text_due (id) values (old.id);
end;
-- A guest's chats move into an account.
create trigger messages_text_move after update of user_id on sessions when new.user_id <> old.user_id begin
    insert or ignore into messages_text_due (id)
    select id from messages
    where session_id = new.id and content <> '' and id <= (select max(id) from messages_text_docsize);
end;
create view messages_text_waiting as
select id from messages_text_due
union
select id from message_owners where id > coalesce((select max(id) from messages_text_docsize), 0) and content <> '';
