-- The older program reaches every provider directly.
alter table connections drop column proxy;
alter table connections drop column secret_proxy;
alter table connections drop column ca_pem;
