-- An import is found again by what it read: SHA-256, in hexadecimal, of the file and of everything that decides what its rows
-- become. The same file again is the same import, whether it was broken off or not. Null for imports from before, and for
-- those of suppressions and consents, which may be repeated as often as one likes.
alter table imports add column fingerprint text;
create index imports_by_fingerprint on imports (fingerprint);
-- Rows whose number was there and whose lead was brought up to date. Null for imports from before.
alter table imports add column updated bigint;
