-- The way to this provider: inherit, none, or the address of a proxy with its password masked; sealed with the password.
alter table connections add column proxy text not null default 'inherit';
alter table connections add column secret_proxy text;
-- The certificate authorities that sign this provider, instead of the system's.
alter table connections add column ca_pem text;
