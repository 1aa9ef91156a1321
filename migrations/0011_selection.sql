-- Which leads a campaign dials, and in which order.

-- What lists say of a lead besides its priority; null where they say nothing.
alter table leads add column score bigint;
alter table leads add column replied_at bigint;
-- The selection that a campaign's leads were placed by, as text; null for the usual one, '-' where they are of several.
alter table campaigns add column placed text;
