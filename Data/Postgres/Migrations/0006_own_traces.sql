-- The process that writes a trace; those of one that is gone are ended by another.
alter table traces add column boot_id text;
create index traces_running on traces (boot_id) where status = 'running';
