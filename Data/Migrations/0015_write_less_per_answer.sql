-- The index is brought up to date a little later and many messages at once (Data/Sqlite/TextIndex.cs), because each change of it alone
-- writes pages that are merged again. Until then a message that was added, edited, moved or deleted is noted as due, and what the index
-- holds of it is old.
drop trigger messages_text_update;
drop trigger messages_text_delete;
drop trigger messages_text_move;
create trigger messages_text_update after update of content on messages begin
    insert or ignore into messages_text_due (id) values (new.id);
end;
create trigger messages_text_delete after delete on messages when old.content <> '' begin
    insert or ignore into messages_text_due (id) values (old.id);
end;
-- A guest's chats move into an account.
create trigger messages_text_move after update of user_id on sessions when new.user_id <> old.user_id begin
    insert or ignore into messages_text_due (id) select id from messages where session_id = new.id and content <> '';
end;

-- Each index is a page more that an answer writes. No query uses the first, and the second need not change when a run ends.
drop index usage_entries_by_message;
drop index runs_by_user;
create index runs_by_user on runs (user_id);
