-- The index holds folded text, in which letters that are the same are equal (Data/Letters.cs). SQL cannot fold: a trigger notes what is
-- due, and the program adds that before it commits, or at its start. The tokenizer changes nothing more.
drop trigger messages_text_insert;
drop trigger messages_text_update;
drop trigger messages_text_delete;
drop trigger messages_text_move;
drop table messages_text;

create virtual table messages_text using fts5 (
    owner, content, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
create table messages_text_due (
    id integer primary key
) strict;
create trigger messages_text_insert after insert on messages when new.content <> '' begin
    insert or ignore into messages_text_due (id) values (new.id);
end;
create trigger messages_text_update after update of content on messages begin
    delete from messages_text where rowid = old.id and old.content <> '';
    insert or ignore into messages_text_due (id) values (new.id);
end;
create trigger messages_text_delete after delete on messages when old.content <> '' begin
    delete from messages_text where rowid = old.id;
    delete from messages_text_due where id = old.id;
end;
-- A guest's chats move into an account.
create trigger messages_text_move after update of user_id on sessions when new.user_id <> old.user_id begin
    delete from messages_text where rowid in (select id from messages where session_id = new.id and content <> '');
    insert or ignore into messages_text_due (id) select id from messages where session_id = new.id and content <> '';
end;

-- Deleted rows stay marked until an ordinary merge takes them out. A merge because of them would hold the writer for a second at a time.
insert into messages_text (messages_text, rank) values ('deletemerge', 0);
insert into messages_text_due (id) select id from messages where content <> '';

-- What the provider's prompt cache saved of a call's price; less than 0 when filling it cost more.
alter table usage_entries add column saved_nanos integer not null default 0;
