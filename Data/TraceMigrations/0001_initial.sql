-- The file of the task traces: apart from the database of the chats, so that losing it loses nothing else.
create table traces (
    -- Never given twice: the audit names traces by it, also those that are gone.
    id integer primary key autoincrement,
    user_id integer not null,
    actor text not null,
    kind text not null,
    session_id integer,
    message_id integer,
    client_message_id text,
    provider text,
    model text,
    status text not null check (status in ('running', 'completed', 'failed', 'stopped')),
    event_count integer not null,
    truncated integer not null,
    started_at integer not null,
    ended_at integer
) strict;

create index traces_by_started on traces (started_at);
create index traces_by_user on traces (user_id);
create index traces_by_session on traces (session_id, id);

create table trace_events (
    trace_id integer not null references traces (id) on delete cascade,
    seq integer not null,
    type text not null,
    at integer not null,
    -- A JSON object.
    payload text not null,
    primary key (trace_id, seq)
) strict, without rowid;
