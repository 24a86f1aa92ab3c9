-- What was taken from a database of the Node.js platform, by kind and by what it is called there, so that the same thing is never taken
-- twice. A row outlives what it names: what was deleted here does not come back with the next import. Chats have tables of their own.
create table imported_rows (
    kind text not null,
    source_key text not null,
    -- Of the row here, where it has a number; may be gone.
    id integer,
    primary key (kind, source_key)
) strict, without rowid;
