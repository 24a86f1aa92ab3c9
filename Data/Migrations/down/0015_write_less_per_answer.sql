-- The older program takes out at once what is edited or deleted, and adds what is due.
delete from messages_text where rowid in (select id from messages_text_due);
drop trigger messages_text_update;
drop trigger messages_text_delete;
drop trigger messages_text_move;
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
create index usage_entries_by_message on usage_entries (message_id) where message_id is not null;
drop index runs_by_user;
create index runs_by_user on runs (user_id, status, started_at);
