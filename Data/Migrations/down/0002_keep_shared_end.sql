alter table shares drop column leaf_length;
alter table shares drop column leaf_status;
