-- Where imported chats came from, so that the same chat is never taken twice. A row outlives its chat: what a person deleted here does
-- not come back with the next import. An owner of null means: deleted, and the rows go in steps (Data/Chats/Removal.cs).
create table imported_chats (
    id integer primary key autoincrement,
    user_id integer references users (id) on delete set null,
    source text not null,
    source_key text not null,
    -- May be gone.
    session_id integer not null,
    -- The end of the active branch as the import set it: while the chat still has it, a later import may move it on.
    leaf_id integer,
    imported_at integer not null,
    unique (user_id, source, source_key)
) strict;
create table imported_messages (
    chat_id integer not null references imported_chats (id) on delete cascade,
    source_key text not null,
    -- May be gone.
    message_id integer not null,
    primary key (chat_id, source_key)
) strict, without rowid;

-- Imports of archives that a person uploaded; one that was running when the process ended starts again from its file.
create table imports (
    id integer primary key autoincrement,
    user_id integer not null references users (id) on delete cascade,
    state text not null check (state in ('running', 'done', 'failed')),
    name text not null,
    bytes integer not null,
    -- Options and report as JSON.
    options text not null default '{}',
    report text not null default '{}',
    starts integer not null default 0,
    created_at integer not null,
    ended_at integer
) strict;
create index imports_by_user on imports (user_id, id);
create index imports_running on imports (id) where state = 'running';
