-- Which row of which import gave a number to a person who was there: a row is recognised by it when its import goes on after it
-- was broken off, and the import can be taken back. Null: the number came with the person.
alter table lead_numbers add column import_id bigint;
alter table lead_numbers add column line bigint;
create index lead_numbers_of_import on lead_numbers (import_id) where import_id is not null;
