-- The chain over the consent ledger: each entry's hash covers the hash before it, so that whoever noted the last one sees
-- any later change, removal or insertion. `place` counts from 1 without gaps. Entries that were there before are taken in
-- when the program first opens the database.
create table consent_chain (
    place      bigint primary key,
    consent_id bigint not null,
    previous   text not null,
    hash       text not null
);
create unique index consent_chain_once on consent_chain (consent_id);
