-- A term of one or two letters is found by the groups of three that begin with it. So that each letter begins one, the program writes two
-- marks after a text (Data/Sqlite/TextIndex.cs): what is indexed without them is due again.
create virtual table messages_text_groups using fts5vocab ('messages_text', 'instance');
insert into messages_text (messages_text) values ('delete-all');
insert or ignore into messages_text_due (id) select id from messages where content <> '';
