-- Each start ends what was left being written: without an index it reads every message for it.
create index messages_streaming on messages (id) where status = 'streaming';
