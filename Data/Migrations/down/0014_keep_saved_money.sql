alter table messages drop column saved_nanos;
