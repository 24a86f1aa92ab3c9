alter table usage_entries drop column saved_nanos;

-- The index of the older program, which folds by itself.
drop trigger messages_text_insert;
drop trigger messages_text_update;
drop trigger messages_text_delete;
drop trigger messages_text_move;
drop table messages_text;
drop table messages_text_due;

create virtual table messages_text using fts5 (
    owner, content, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);
create trigger messages_text_insert after insert on messages when new.content <> '' begin
    insert into messages_text (rowid, owner, content) select id, owner, content from message_owners where id = new.id;
end;
create trigger messages_text_update after update of content on messages begin
    delete from messages_text where rowid = old.id and old.content <> '';
    insert into messages_text (rowid, owner, content) select id, owner, content from message_owners where id = new.id and content <> '';
end;
create trigger messages_text_delete after delete on messages when old.content <> '' begin
    delete from messages_text where rowid = old.id;
end;
-- A guest's chats move into an account.
create trigger messages_text_move after update of user_id on sessions when new.user_id <> old.user_id begin
    delete from messages_text where rowid in (select id from messages where session_id = new.id and content <> '');
    insert into messages_text (rowid, owner, content)
    select id, owner, content from message_owners where session_id = new.id and content <> '';
end;

-- Deleted rows stay marked until an ordinary merge takes them out. A merge because of them would hold the writer for a second at a time.
insert into messages_text (messages_text, rank) values ('deletemerge', 0);
insert into messages_text (rowid, owner, content) select id, owner, content from message_owners where content <> '' order by id;
