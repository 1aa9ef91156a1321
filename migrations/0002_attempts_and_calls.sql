-- Attempts, results and inbound calls: what happened, each recorded once.

-- An attempt begins as an intent that is durable before the INVITE leaves. `disposition` is what counts: the network's
-- until an agent's result replaces it; `network_disposition` keeps the first.
create table attempts (
    id                  bigint primary key,
    campaign            text not null,
    lead_id             bigint not null,
    number              text not null,
    caller_id           text not null,
    trunk               text not null,
    at                  bigint not null,
    zones               text not null,
    tzdata              text not null,
    ordinal             bigint not null,
    state               text not null check (state in ('live', 'ended')),
    rang_at             bigint,
    answered_at         bigint,
    connected_at        bigint,
    ended_at            bigint,
    agent_id            bigint,
    network_disposition text,
    disposition         text,
    result              text,
    failure_kind        text,
    sip_status          bigint,
    q850                bigint,
    rang                boolean,
    answered_by         text,
    confidence          bigint,
    classify_ms         bigint,
    check ((state = 'ended') = (ended_at is not null)),
    check (state = 'live' or network_disposition is not null)
);
-- One live attempt per number, over all campaigns: by constraint, not by care.
create unique index attempts_live on attempts (number) where state = 'live';
create index attempts_number on attempts (number, at);
create index attempts_campaign on attempts (campaign, at, id);
create index attempts_lead on attempts (lead_id, disposition);
create index attempts_agent on attempts (agent_id, at, id) where agent_id is not null;
create index attempts_at on attempts (at, id);

-- What agents recorded. A correction is a further revision; the highest counts. `request_id` makes a repeated request
-- find what it did the first time.
create table results (
    direction   text not null check (direction in ('outbound', 'inbound')),
    call_id     bigint not null,
    revision    bigint not null,
    request_id  bigint,
    campaign    text,
    lead_id     bigint,
    number      text,
    agent_id    bigint not null,
    result      text not null,
    disposition text not null,
    answers     text not null,
    note        text not null,
    at          bigint not null,
    talk_ms     bigint not null,
    wrap_up_ms  bigint not null,
    primary key (direction, call_id, revision)
);
create unique index results_request on results (request_id) where request_id is not null;
create index results_campaign on results (campaign, at);
create index results_lead on results (lead_id, at) where lead_id is not null;

create table inbound_calls (
    id           bigint primary key,
    queue        text,
    campaign     text,
    did          text not null,
    caller       text,
    offered_at   bigint not null,
    connected_at bigint,
    ended_at     bigint not null,
    agent_id     bigint,
    outcome      text not null check (outcome in ('answered', 'abandoned', 'overflowed', 'closed', 'unrouted'))
);
create index inbound_queue on inbound_calls (queue, offered_at);
create index inbound_at on inbound_calls (offered_at, id);
create index inbound_caller on inbound_calls (caller, offered_at) where caller is not null;

-- Each opening and closing of an idle gate with the figures that caused it.
create table gate_changes (
    id             bigint primary key,
    group_name     text not null,
    at             bigint not null,
    open           boolean not null,
    idleness       double precision not null,
    idle_threshold double precision not null,
    agents         bigint not null,
    inbound_busy   bigint not null,
    waiting        bigint not null,
    slots          bigint not null
);
create index gate_changes_of_group on gate_changes (group_name, at);

-- What each agent did, change by change. `state` is null when the agent signed out.
create table agent_states (
    id      bigint primary key,
    user_id bigint not null,
    at      bigint not null,
    state   text,
    reason  text
);
create index agent_states_of_user on agent_states (user_id, at);

-- How often a dial was refused or put off, by campaign, civil day of the installation, and reason.
create table refusals (
    campaign text not null,
    day      text not null,
    code     text not null,
    count    bigint not null,
    primary key (campaign, day, code)
);

-- SIP dialogs that are up: what a restart after a crash ends at the carrier.
create table dialogs (
    id       text primary key,
    record   text not null,
    saved_at bigint not null
);
