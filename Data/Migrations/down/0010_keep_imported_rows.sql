-- What was imported stays; the same database would be taken once more after the next upgrade.
drop table imported_rows;
