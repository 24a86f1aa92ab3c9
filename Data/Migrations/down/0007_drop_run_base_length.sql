alter table runs add column base_length integer not null default 0;
