drop table messages_text_groups;
