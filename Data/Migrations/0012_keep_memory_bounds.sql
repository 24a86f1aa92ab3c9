-- What a provider said a model reads at most, when it refused a longer prompt.
create table learned_limits (
    connection_id integer not null references connections (id) on delete cascade,
    model text not null,
    context_limit integer not null,
    primary key (connection_id, model)
) strict, without rowid;

-- What a model gets instead of this message and all before it; empty means nothing, null means the messages themselves.
alter table messages add column summary text;
