-- What the events of a trace take, so that all of them together can be kept below a bound without reading them.
alter table traces add column bytes bigint not null default 0;
update traces set bytes = coalesce(
    (select sum(octet_length(e.payload) + octet_length(e.type) + 64) from trace_events e where e.trace_id = traces.id), 0);
