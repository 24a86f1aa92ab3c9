alter table messages drop column summary;
drop table learned_limits;
