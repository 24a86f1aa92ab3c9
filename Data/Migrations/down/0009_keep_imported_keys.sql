-- What was imported stays; the same archive would be taken once more after the next upgrade.
drop table imported_messages;
drop table imported_chats;
drop table imports;
