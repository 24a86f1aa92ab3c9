-- Every id that leaves the server is of a table with autoincrement, so that it is never given twice: what a client, the ledger, the
-- audit or a chat still names is never something newer. Tables are made anew, since a column cannot become that by itself; the order
-- is the one that SQLite's documentation gives, with foreign keys off (the migrator checks them afterwards).
--
-- An owner of null means: deleted, and the rows go in steps (Data/Removal.cs). So deleting a chat or an account is short however long
-- the chats are. A chat keeps the id of a connection that is gone, which nothing else will ever have.

-- The full-text index is made anew by the next migration; its pages are free for the copies until then.
drop trigger messages_text_insert;
drop trigger messages_text_update;
drop trigger messages_text_delete;
drop table messages_text;

create table new_connections (
    id integer primary key autoincrement,
    row_uuid text not null unique,
    name text not null,
    provider text not null check (provider in ('openai', 'openai_responses', 'azure_openai', 'anthropic', 'google_genai', 'ollama', 'demo')),
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
    id integer primary key autoincrement,
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
    id integer primary key autoincrement,
    user_id integer references users (id) on delete set null,
    title text not null,
    title_source text not null default 'default' check (title_source in ('default', 'first_message', 'model', 'user')),
    connection_id integer,
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
select id, user_id, title, title_source, connection_id, model, system_prompt, parameters, reasoning, pinned, archived,
    temporary, leaf_id, message_count, created_at, updated_at
from sessions;
drop table sessions;
alter table new_sessions rename to sessions;
create index sessions_by_user on sessions (user_id, archived, pinned desc, updated_at desc, id desc);
create index sessions_temporary on sessions (updated_at) where temporary = 1;

create table new_messages (
    id integer primary key autoincrement,
    session_id integer not null references sessions (id) on delete cascade,
    -- No cascade: a chain is longer than the depth SQLite allows for it; the newest is deleted first.
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
    -- How many of the oldest messages an answer's model did not get, so that a replay tells it as the live stream did.
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
create index messages_roots on messages (session_id, id) where parent_id is null;

-- One generation. A row in state 'running' whose boot_id is not this process's is an orphan of a crash. It goes with its message, in
-- steps; the user alone would take all of them along at once.
create table new_runs (
    id integer primary key autoincrement,
    user_id integer not null,
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
    user_id integer references users (id) on delete set null,
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

-- One row per provider call, with the price that held then; amounts are 1e-9 of the currency unit.
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

-- The prompt library; a shared one of an administrator everybody may read.
create table new_prompts (
    id integer primary key autoincrement,
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

-- Append-only; hash = sha256(previous hash | row), so that a removed or changed row shows.
create table new_audit (
    id integer primary key autoincrement,
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

-- Ids that were deleted before are found where something still names them. Chats, messages and runs that failed are named only by
-- the task traces in their own file and by open tabs: a thousand of their ids are left out.
create temporary table highest (name text primary key, seq integer) strict;
insert into highest (name, seq)
select 'connections', max(seq)
from (
    select max(id) as seq from connections
    union all select max(connection_id) from sessions
    union all select max(connection_id) from messages
    union all select max(connection_id) from usage_entries
    union all select max(cast(substr(target, 12) as integer)) from audit where target glob 'connection:[0-9]*'
)
union all
select 'sessions', max(seq) + iif(exists (select 1 from users), 1000, 0)
from (
    select coalesce(max(id), 0) as seq from sessions
    union all select max(session_id) from usage_entries
    union all select max(cast(substr(target, 9) as integer)) from audit where target glob 'session:[0-9]*'
)
union all
select 'messages', max(seq) + iif(exists (select 1 from users), 1000, 0)
from (
    select coalesce(max(id), 0) as seq from messages
    union all select max(message_id) from usage_entries
)
union all
select 'runs', max(seq) + iif(exists (select 1 from users), 1000, 0)
from (
    select coalesce(max(id), 0) as seq from runs
    union all select max(run_id) from usage_entries
);
delete from sqlite_sequence where name in (select name from highest);
insert into sqlite_sequence (name, seq) select name, seq from highest where seq > 0;
drop table highest;
