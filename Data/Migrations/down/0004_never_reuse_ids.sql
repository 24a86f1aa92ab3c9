-- Ids may be given twice again. An owner of null means: being deleted; what is left of it goes, as the next steps of its deletion would
-- have done. A chat forgets a connection that is gone. Foreign keys are off, so nothing cascades.
create temporary table going (id integer primary key) strict;
insert into going (id) select id from sessions where user_id is null or user_id not in (select id from users);
delete from runs where session_id in (select id from going) or user_id not in (select id from users);
delete from run_chunks where run_id not in (select id from runs);
delete from images
where user_id is null or message_id in (select m.id from messages m where m.session_id in (select id from going));
delete from shares where session_id in (select id from going);
delete from drafts where session_id in (select id from going);
delete from messages where session_id in (select id from going);
delete from sessions where id in (select id from going);
drop table going;

create table new_connections (
    id integer primary key,
    row_uuid text not null unique,
    name text not null,
    provider text not null
        check (provider in ('openai', 'openai_responses', 'azure_openai', 'anthropic', 'google_genai', 'ollama', 'demo')),
    base_url text not null,
    auth_type text not null check (auth_type in ('bearer', 'api_key', 'none', 'entra')),
    secret_keys text,
    key_hints text not null default '[]',
    secret_headers text,
    header_names text not null default '[]',
    azure_api_version text,
    prefix text,
    tags text not null default '[]',
    model_ids text not null default '[]',
    default_capabilities text not null default '{}',
    local integer not null default 0,
    enabled integer not null default 1,
    position integer not null default 0,
    last_checked_at integer,
    last_error text,
    revision integer not null default 1,
    created_at integer not null,
    updated_at integer not null
) strict;
insert into new_connections (id, row_uuid, name, provider, base_url, auth_type, secret_keys, key_hints, secret_headers, header_names,
    azure_api_version, prefix, tags, model_ids, default_capabilities, local, enabled, position, last_checked_at, last_error, revision,
    created_at, updated_at)
select id, row_uuid, name, provider, base_url, auth_type, secret_keys, key_hints, secret_headers, header_names,
    azure_api_version, prefix, tags, model_ids, default_capabilities, local, enabled, position, last_checked_at, last_error, revision,
    created_at, updated_at
from connections;
drop table connections;
alter table new_connections rename to connections;

create table new_models (
    id integer primary key,
    connection_id integer not null references connections (id) on delete cascade,
    model text not null,
    name text,
    capabilities text not null default '{}',
    context_limit integer,
    max_output_tokens integer,
    fetched_at integer not null,
    unique (connection_id, model)
) strict;
insert into new_models (id, connection_id, model, name, capabilities, context_limit, max_output_tokens, fetched_at)
select id, connection_id, model, name, capabilities, context_limit, max_output_tokens, fetched_at
from models;
drop table models;
alter table new_models rename to models;

create table new_sessions (
    id integer primary key,
    user_id integer not null references users (id) on delete cascade,
    title text not null,
    title_source text not null default 'default' check (title_source in ('default', 'first_message', 'model', 'user')),
    connection_id integer references connections (id) on delete set null,
    model text,
    system_prompt text,
    parameters text,
    reasoning text,
    pinned integer not null default 0,
    archived integer not null default 0,
    temporary integer not null default 0,
    leaf_id integer,
    message_count integer not null default 0,
    created_at integer not null,
    updated_at integer not null
) strict;
insert into new_sessions (id, user_id, title, title_source, connection_id, model, system_prompt, parameters, reasoning, pinned, archived,
    temporary, leaf_id, message_count, created_at, updated_at)
select id, user_id, title, title_source, (select c.id from connections c where c.id = sessions.connection_id), model, system_prompt,
    parameters, reasoning, pinned, archived, temporary, leaf_id, message_count, created_at, updated_at
from sessions;
drop table sessions;
alter table new_sessions rename to sessions;
create index sessions_by_user on sessions (user_id, archived, pinned desc, updated_at desc, id desc);
create index sessions_by_connection on sessions (connection_id) where connection_id is not null;
create index sessions_temporary on sessions (updated_at) where temporary = 1;

create table new_messages (
    id integer primary key,
    session_id integer not null references sessions (id) on delete cascade,
    -- No cascade: a chain is longer than the depth SQLite allows for it; a branch is deleted by one statement.
    parent_id integer references messages (id),
    role text not null check (role in ('user', 'assistant')),
    content text not null,
    reasoning text,
    reasoning_ms integer,
    tool_calls text,
    -- Order and lengths of what was streamed, so that an event id still means a place in the text after the run has ended.
    layout text,
    -- What the provider wants back with this answer in later turns; opaque.
    provider_state text,
    client_message_id text,
    request_hash text,
    connection_id integer,
    model text,
    provider text,
    status text not null check (status in ('streaming', 'done', 'stopped', 'interrupted', 'failed')),
    error_code text,
    error_detail text,
    finish_reason text,
    prompt_tokens integer,
    completion_tokens integer,
    reasoning_tokens integer,
    cached_tokens integer,
    cost_nanos integer,
    usage_source text check (usage_source in ('provider', 'estimate')),
    first_token_ms integer,
    total_ms integer,
    created_at integer not null,
    trimmed_messages integer,
    unique (session_id, client_message_id)
) strict;
insert into new_messages (id, session_id, parent_id, role, content, reasoning, reasoning_ms, tool_calls, layout, provider_state,
    client_message_id, request_hash, connection_id, model, provider, status, error_code, error_detail, finish_reason, prompt_tokens,
    completion_tokens, reasoning_tokens, cached_tokens, cost_nanos, usage_source, first_token_ms, total_ms, created_at, trimmed_messages)
select id, session_id, parent_id, role, content, reasoning, reasoning_ms, tool_calls, layout, provider_state,
    client_message_id, request_hash, connection_id, model, provider, status, error_code, error_detail, finish_reason, prompt_tokens,
    completion_tokens, reasoning_tokens, cached_tokens, cost_nanos, usage_source, first_token_ms, total_ms, created_at, trimmed_messages
from messages;
drop table messages;
alter table new_messages rename to messages;
create index messages_by_session on messages (session_id, id);
create index messages_by_parent on messages (parent_id, id);

create table new_runs (
    id integer primary key,
    user_id integer not null references users (id) on delete cascade,
    session_id integer not null references sessions (id) on delete cascade,
    message_id integer not null references messages (id) on delete cascade,
    kind text not null check (kind in ('send', 'regenerate', 'continue')),
    client_message_id text not null,
    request_hash text not null,
    boot_id text not null,
    status text not null check (status in ('running', 'done', 'stopped', 'interrupted', 'failed')),
    base_length integer not null default 0,
    started_at integer not null,
    ended_at integer,
    unique (session_id, client_message_id)
) strict;
insert into new_runs (id, user_id, session_id, message_id, kind, client_message_id, request_hash, boot_id, status, base_length,
    started_at, ended_at)
select id, user_id, session_id, message_id, kind, client_message_id, request_hash, boot_id, status, base_length, started_at, ended_at
from runs;
drop table runs;
alter table new_runs rename to runs;
create index runs_by_message on runs (message_id, id);
create index runs_by_user on runs (user_id, status, started_at);
create index runs_running on runs (status) where status = 'running';

create table new_images (
    id text primary key,
    user_id integer not null references users (id) on delete cascade,
    message_id integer references messages (id) on delete cascade,
    position integer not null default 0,
    mime text not null,
    width integer not null,
    height integer not null,
    bytes integer not null,
    file text not null,
    created_at integer not null
) strict;
insert into new_images (id, user_id, message_id, position, mime, width, height, bytes, file, created_at)
select id, user_id, message_id, position, mime, width, height, bytes, file, created_at
from images;
drop table images;
alter table new_images rename to images;
create index images_by_user on images (user_id, created_at);
create index images_by_message on images (message_id, position);
create index images_by_file on images (file);
create index images_by_time on images (created_at);
create trigger images_delete after delete on images when not exists (select 1 from images where file = old.file) begin
    insert or ignore into doomed_files (file) values (old.file);
end;

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
    first_token_ms integer,
    total_ms integer,
    created_at integer not null
) strict;
insert into new_usage_entries (id, user_id, session_id, message_id, run_id, api_key_id, connection_id, model, provider, status,
    prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, source, price, cost_nanos, first_token_ms, total_ms, created_at)
select id, user_id, session_id, message_id, run_id, api_key_id, connection_id, model, provider, status,
    prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, source, price, cost_nanos, first_token_ms, total_ms, created_at
from usage_entries;
drop table usage_entries;
alter table new_usage_entries rename to usage_entries;
create index usage_entries_by_user on usage_entries (user_id, created_at);
create index usage_entries_by_time on usage_entries (created_at, id);
create index usage_entries_by_session on usage_entries (session_id) where session_id is not null;
create index usage_entries_by_message on usage_entries (message_id) where message_id is not null;

create table new_prompts (
    id integer primary key,
    user_id integer not null references users (id) on delete cascade,
    name text not null,
    title text not null,
    content text not null,
    shared integer not null default 0,
    created_at integer not null,
    updated_at integer not null,
    unique (user_id, name)
) strict;
insert into new_prompts (id, user_id, name, title, content, shared, created_at, updated_at)
select id, user_id, name, title, content, shared, created_at, updated_at
from prompts;
drop table prompts;
alter table new_prompts rename to prompts;
create index prompts_shared on prompts (name) where shared = 1;

create table new_audit (
    id integer primary key,
    actor_id integer,
    action text not null,
    target text,
    detail text,
    ip text,
    created_at integer not null,
    hash text not null
) strict;
insert into new_audit (id, actor_id, action, target, detail, ip, created_at, hash)
select id, actor_id, action, target, detail, ip, created_at, hash
from audit;
drop table audit;
alter table new_audit rename to audit;

-- Full text of chats. Trigrams, so that languages without spaces are found too. Nothing ranks by length, so none is kept, and an
-- answer that has only begun has no text to be found.
create virtual table messages_text using fts5 (
    content, content = 'messages', content_rowid = 'id', tokenize = 'trigram', columnsize = 0
);
create trigger messages_text_insert after insert on messages when new.content <> '' begin
    insert into messages_text (rowid, content) values (new.id, new.content);
end;
create trigger messages_text_update after update of content on messages begin
    insert into messages_text (messages_text, rowid, content) select 'delete', old.id, old.content where old.content <> '';
    insert into messages_text (rowid, content) select new.id, new.content where new.content <> '';
end;
create trigger messages_text_delete after delete on messages when old.content <> '' begin
    insert into messages_text (messages_text, rowid, content) values ('delete', old.id, old.content);
end;
insert into messages_text (rowid, content) select id, content from messages where content <> '';
