alter table messages drop column trimmed_messages;
