-- Customers who asked to be called, one row for each time that they did, also where nothing came of it; and whether the call
-- that they were promised was made in time.
create table pre_registrations (
    id            bigint primary key,
    campaign      text not null,
    number        text not null,
    -- Whoever is called for it; null where nobody is.
    lead_id       bigint,
    channel       text not null,
    -- Where it can be found again.
    source        text not null,
    -- The customer's message, and the link that was followed, where it came by one.
    message_id    bigint,
    link_id       bigint,
    -- When the customer asked, and when that came in.
    asked_at      bigint not null,
    created_at    bigint not null,
    became        text not null check (became in ('new', 'forward', 'stays', 'suppressed')),
    -- The time that the customer wishes to be called at.
    preferred_at  bigint,
    -- How the promise stands. `asked`: it is not worked out yet until when; `void`: no call is owed any more.
    promise       text not null check (promise in ('none', 'asked', 'open', 'kept', 'broken', 'void')),
    -- Until when the call was promised, and from when on it is at risk.
    promised_at   bigint,
    at_risk_at    bigint,
    escalated_at  bigint,
    broken_at     bigint,
    -- The first dial that reached the customer's phone since, and when an agent first talked to the customer since.
    dialled_at    bigint,
    connected_at  bigint,
    -- How the agent talked to the customer first: by our call, or by the customer's own.
    reached_by    text check (reached_by in ('outbound', 'inbound')),
    -- No call is owed from then on.
    closed_at     bigint,
    -- From when on the promise and the fall of the priority count: when the customer asked, a person read it so, or the wished time.
    counts_from   bigint not null,
    -- The lead's priority at first and in the end, when it is at its end, and when it falls next.
    priority_from bigint not null,
    priority_to   bigint not null,
    decays_until  bigint not null,
    decays_at     bigint,
    check (promised_at is not null or promise in ('none', 'asked', 'void'))
);
create index pre_registrations_lead on pre_registrations (lead_id, id) where lead_id is not null;
create index pre_registrations_number on pre_registrations (number, id);
create index pre_registrations_created on pre_registrations (created_at, id);
create index pre_registrations_campaign on pre_registrations (campaign, created_at, id);
-- The page of promises, the longest overdue first.
create index pre_registrations_owed on pre_registrations (promised_at, id) where closed_at is null;
-- What the watch looks for: few at any time.
create index pre_registrations_asked on pre_registrations (id) where promise = 'asked';
create index pre_registrations_at_risk on pre_registrations (at_risk_at, id) where promise = 'open' and escalated_at is null;
create index pre_registrations_open on pre_registrations (promised_at, id) where promise = 'open';
create index pre_registrations_decays on pre_registrations (decays_at, id) where decays_at is not null;

-- Messages of customers that a person is to read: what no rule fits, and free words that may opt out. Each is decided once.
create table reviews (
    message_id bigint primary key,
    campaign   text,
    number     text not null,
    -- The text as texts are compared; empty of a message that came before there were reviews.
    plain      text not null,
    -- It may opt out: its number is suppressed until it is decided.
    perhaps    boolean not null,
    created_at bigint not null,
    decision   text check (decision in ('interested', 'opt_out', 'not_interested', 'other')),
    decided_by text,
    decided_at bigint,
    check ((decision is null) = (decided_at is null))
);
create index reviews_waiting on reviews (message_id) where decision is null;
create index reviews_number on reviews (number) where decision is null;
create index reviews_plain on reviews (plain, message_id) where decision is not null;
insert into reviews (message_id, campaign, number, plain, perhaps, created_at, decision, decided_by, decided_at)
select id, campaign, number, '', meaning = 'perhaps_opt_out', created_at, null, null, null from messages
where direction = 'in' and meaning in ('other', 'perhaps_opt_out') and number like '+%';
