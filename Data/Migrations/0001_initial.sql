-- Owners. Guests are rows too (role GUEST, no name), so that every owned row has one kind of owner
-- and a guest's chats move into an account by changing user_id.
-- Ids of users, logins and keys are never used again (autoincrement): an old token names one of them, and must not fit a newcomer.
create table users (
    id integer primary key autoincrement,
    username text,
    username_key text unique,
    password_hash text,
    role text not null check (role in ('ADMIN', 'USER', 'GUEST')),
    status text not null check (status in ('PENDING', 'ACTIVE', 'DISABLED')),
    status_reason text,
    epoch integer not null default 1,
    daily_limit integer,
    unlimited integer not null default 0,
    -- Budgets of this user's own: null is the server's default, -1 none.
    daily_token_budget integer,
    monthly_token_budget integer,
    daily_nanos_budget integer,
    monthly_nanos_budget integer,
    one_time_code_hash text,
    one_time_code_expires_at integer,
    guest_token_hash text unique,
    avatar_file text,
    preferences text not null default '{}',
    approved_by integer,
    approved_at integer,
    expires_at integer,
    created_at integer not null
) strict;
create index users_by_status on users (status, id);
create index users_by_expiry on users (expires_at) where expires_at is not null;
create index users_by_avatar on users (avatar_file) where avatar_file is not null;

-- family_hash is of the part of a refresh token that stays, refresh_hash of the part that changes with each use.
create table logins (
    id integer primary key autoincrement,
    user_id integer not null references users (id) on delete cascade,
    kind text not null check (kind in ('browser', 'api')),
    family_hash text not null unique,
    refresh_hash text not null,
    previous_hash text,
    rotated_at integer not null,
    ip text not null,
    user_agent text not null,
    created_at integer not null,
    last_used_at integer not null,
    expires_at integer not null
) strict;
create index logins_by_user on logins (user_id, last_used_at, id);
create index logins_by_expiry on logins (expires_at);

create table api_keys (
    id integer primary key autoincrement,
    user_id integer not null references users (id) on delete cascade,
    name text not null,
    key_hash text not null unique,
    prefix text not null,
    scopes text not null default '[]',
    models text,
    daily_budget_nanos integer,
    expires_at integer,
    last_used_at integer,
    created_at integer not null
) strict;
create index api_keys_by_user on api_keys (user_id, id);

create table settings (
    key text primary key,
    value text not null,
    updated_at integer not null
) strict;

create table connections (
    id integer primary key,
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
-- Answers until a real provider is connected, so that the first message needs no key and no network.
insert into connections (row_uuid, name, provider, base_url, auth_type, created_at, updated_at)
values (lower(hex(randomblob(16))), 'Demo', 'demo', '', 'none', unixepoch() * 1000, unixepoch() * 1000);

create table models (
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

-- What the admin decided about a model outlives the model's own row, which a refresh may remove and bring back.
create table model_overrides (
    connection_id integer not null references connections (id) on delete cascade,
    model text not null,
    name text,
    hidden integer,
    tags text,
    capabilities text,
    context_limit integer,
    max_output_tokens integer,
    price text,
    allowed_users text,
    position integer,
    is_default integer not null default 0,
    updated_at integer not null,
    primary key (connection_id, model)
) strict;

-- How many of the model's tokens one of our estimate is.
create table token_factors (
    connection_id integer not null references connections (id) on delete cascade,
    model text not null,
    factor real not null,
    primary key (connection_id, model)
) strict, without rowid;

create table sessions (
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
create index sessions_by_user on sessions (user_id, archived, pinned desc, updated_at desc, id desc);
create index sessions_by_connection on sessions (connection_id) where connection_id is not null;
create index sessions_temporary on sessions (updated_at) where temporary = 1;

create table messages (
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
    unique (session_id, client_message_id)
) strict;
create index messages_by_session on messages (session_id, id);
create index messages_by_parent on messages (parent_id, id);

-- One generation. A row in state 'running' whose boot_id is not this process's is an orphan of a crash.
create table runs (
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
create index runs_by_message on runs (message_id, id);
create index runs_by_user on runs (user_id, status, started_at);
create index runs_running on runs (status) where status = 'running';

-- Text that a live run has produced since its start, appended a few times a second;
-- folded into the message and deleted when the run ends or, after a crash, at the next start.
create table run_chunks (
    run_id integer not null references runs (id) on delete cascade,
    position integer not null,
    kind text not null check (kind in ('content', 'reasoning', 'tool')),
    value text not null,
    primary key (run_id, position)
) strict, without rowid;

-- A row is made when its file is whole and on disk. Several rows may share a file (a forked session's do).
create table images (
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
create index images_by_user on images (user_id, created_at);
create index images_by_message on images (message_id, position);
create index images_by_file on images (file);
create index images_by_time on images (created_at);

-- Files that nothing needs any more, whatever statement or cascade took their row; removed from disk after the commit,
-- and after a crash at the next start.
create table doomed_files (
    file text primary key
) strict, without rowid;
create trigger images_delete after delete on images when not exists (select 1 from images where file = old.file) begin
    insert or ignore into doomed_files (file) values (old.file);
end;
create trigger users_avatar_change after update of avatar_file on users
when old.avatar_file is not null and old.avatar_file is not new.avatar_file begin
    insert or ignore into doomed_files (file) values (old.avatar_file);
end;
create trigger users_avatar_delete after delete on users when old.avatar_file is not null begin
    insert or ignore into doomed_files (file) values (old.avatar_file);
end;

-- One row per provider call, with the price that held then; amounts are 1e-9 of the currency unit.
create table usage_entries (
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
create index usage_entries_by_user on usage_entries (user_id, created_at);
create index usage_entries_by_time on usage_entries (created_at, id);
create index usage_entries_by_session on usage_entries (session_id) where session_id is not null;
create index usage_entries_by_message on usage_entries (message_id) where message_id is not null;

-- Counters that quotas and budgets are enforced on, by one statement (Data/UsageLimits.cs). day = days since 1970-01-01 UTC.
-- The first three are the sum of the ledger; held is what calls that run now may still add.
create table daily_usage (
    user_id integer not null references users (id) on delete cascade,
    day integer not null,
    messages integer not null default 0,
    tokens integer not null default 0,
    cost_nanos integer not null default 0,
    held_messages integer not null default 0,
    held_tokens integer not null default 0,
    held_nanos integer not null default 0,
    primary key (user_id, day)
) strict, without rowid;
create index daily_usage_held on daily_usage (day) where held_messages + held_tokens + held_nanos > 0;

create table api_key_days (
    api_key_id integer not null references api_keys (id) on delete cascade,
    day integer not null,
    cost_nanos integer not null default 0,
    held_nanos integer not null default 0,
    primary key (api_key_id, day)
) strict, without rowid;

-- All guests together; of its own, because a guest's rows go when the guest does.
create table guest_days (
    day integer primary key,
    messages integer not null default 0,
    held integer not null default 0
) strict;

-- Links for strangers. token is the SHA-256 of what the link holds; what is shared ends with the message leaf_id and goes with it,
-- so that an id that is used again never stands for another text.
create table shares (
    token text primary key,
    sealed_token text not null,
    session_id integer not null unique references sessions (id) on delete cascade,
    user_id integer not null references users (id) on delete cascade,
    leaf_id integer not null references messages (id) on delete cascade,
    expires_at integer,
    created_at integer not null
) strict;
create index shares_by_leaf on shares (leaf_id);
create index shares_by_user on shares (user_id);

-- The prompt library; a shared one of an administrator everybody may read.
create table prompts (
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
create index prompts_shared on prompts (name) where shared = 1;

-- What was typed and not sent; no session = the chat that is not made yet.
create table drafts (
    user_id integer not null references users (id) on delete cascade,
    session_id integer references sessions (id) on delete cascade,
    content text not null,
    updated_at integer not null
) strict;
create unique index drafts_by_slot on drafts (user_id, ifnull(session_id, 0));
create index drafts_by_session on drafts (session_id) where session_id is not null;

-- Append-only; hash = sha256(previous hash | row), so that a removed or changed row shows.
create table audit (
    id integer primary key,
    actor_id integer,
    action text not null,
    target text,
    detail text,
    ip text,
    created_at integer not null,
    hash text not null
) strict;

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
