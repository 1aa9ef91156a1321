-- Several numbers of one person. A lead's own columns have the number that is dialled next.

-- Where that number rings, if the list said so, and how many numbers the person has; null: one.
alter table leads add column kind text;
alter table leads add column numbers bigint;

-- All numbers of the people who have more than one, in the order of their list.
create table lead_numbers (
    lead_id     bigint not null,
    place       bigint not null,
    campaign    text not null,
    number      text not null,
    zones       text not null,
    zone_source text not null check (zone_source in ('column', 'number', 'none')),
    kind        text not null check (kind in ('mobile', 'home', 'work', 'other')),
    primary key (lead_id, place)
);
create index lead_numbers_number on lead_numbers (number, campaign);
