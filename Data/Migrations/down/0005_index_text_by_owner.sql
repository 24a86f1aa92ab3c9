drop trigger messages_text_insert;
drop trigger messages_text_update;
drop trigger messages_text_delete;
drop trigger messages_text_move;
drop view message_owners;
drop table messages_text;
