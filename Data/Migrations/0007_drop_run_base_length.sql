-- No statement has ever read it.
alter table runs drop column base_length;
