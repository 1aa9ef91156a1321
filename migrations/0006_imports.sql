-- An import that was broken off is found again by what it read: SHA-256, in hexadecimal, of the file and of everything that
-- decides what its rows become. Null for imports from before, and for those of suppressions and consents, which may be
-- repeated as often as one likes.
alter table imports add column fingerprint text;
create index imports_running on imports (fingerprint) where state = 'running';
