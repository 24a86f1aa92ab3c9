drop view messages_text_waiting;
-- The older program notes everything that waits.
insert or ignore into messages_text_due (id)
select id from messages where id > coalesce((select max(id) from messages_text_docsize), 0) and content <> '';
drop trigger messages_text_insert;
drop trigger messages_text_update;
drop trigger messages_text_delete;
drop trigger messages_text_move;
create trigger messages_text_insert after insert on messages when new.content <> '' begin
    insert or ignore into messages_text_due (id) values (new.id);
end;
create trigger messages_text_update after update of content on messages begin
    insert or ignore into messages_text_due (id) values (new.id);
end;
create trigger messages_text_delete after delete on messages when old.content <> '' begin
    insert or ignore into messages_text_due (id) values (old.id);
end;
-- A guest's chats move into an account.
create trigger messages_text_move after update of user_id on sessions when new.user_id <> old.user_id begin
    insert or ignore into messages_text_due (id) select id from messages where session_id = new.id and content <> '';
end;

create table new_usage_entries (
    id integer primary key autoincrement,
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
create index usage_entries_by_user on usage_entries (user_id, created_at);
create index usage_entries_by_time on usage_entries (created_at, id);
create index usage_entries_by_session on usage_entries (session_id) where session_id is not null;

drop index daily_usage_by_day;
create index daily_usage_held on daily_usage (day) where held_messages + held_tokens + held_nanos > 0;
create index runs_by_user on runs (user_id);
drop index messages_by_session;
create index messages_by_session on messages (session_id, id);
create index messages_roots on messages (session_id, id) where parent_id is null;
create index messages_streaming on messages (id) where status = 'streaming';
