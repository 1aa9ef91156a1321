-- Campaigns, their revisions, and the leads they dial.
--
-- House rules of this series (one text for SQLite and PostgreSQL):
--   * columns are bigint, text, boolean and double precision; JSON is text;
--   * every time is milliseconds since 1970 in UTC and comes from the program, as do all ids;
--   * a state is text with a check; there are no triggers and no defaults that hide a forgotten value;
--   * `bigint primary key` alone on its line is the row's id: the SQLite runner makes it the rowid, which saves
--     one b-tree per table.

-- One row per campaign: which revision is in force, and its live state (a live control, not part of the definition).
create table campaigns (
    key        text primary key,
    revision   bigint not null,
    state      text not null check (state in ('ready', 'running', 'paused', 'ended')),
    state_by   text not null,
    state_at   bigint not null,
    state_why  text not null,
    created_at bigint not null
);

-- Every text that was ever applied, with who, when and why. Never updated, never deleted.
create table campaign_revisions (
    campaign   text not null references campaigns (key),
    revision   bigint not null,
    text       text not null,
    definition text not null,
    applied_by text not null,
    applied_at bigint not null,
    why        text not null,
    primary key (campaign, revision)
);

-- What a supervisor changed on an agent group while it ran; null leaves the configured value.
create table group_controls (
    group_name     text primary key,
    idle_threshold double precision,
    hysteresis     double precision,
    dwell_s        double precision,
    reserve        bigint,
    changed_by     text not null,
    changed_at     bigint not null
);

-- A set of contacts brought in at once. A list belongs to one campaign.
create table lists (
    id         bigint primary key,
    campaign   text not null references campaigns (key),
    name       text not null,
    created_by text not null,
    created_at bigint not null
);
create index lists_of_campaign on lists (campaign, created_at);

-- Leads. `due_at` is set exactly while the lead may be dialled, so that the index of due leads holds nothing else.
-- `rank` is the priority, raised by 100 while a callback is agreed: callbacks come first.
-- `zones` is a JSON array of IANA names, sorted; an empty array is an unknown zone, which is never dialled.
create table leads (
    id             bigint primary key,
    campaign       text not null references campaigns (key),
    list_id        bigint not null references lists (id),
    import_id      bigint,
    number         text not null,
    name           text not null,
    zones          text not null,
    zone_source    text not null check (zone_source in ('column', 'number', 'none')),
    priority       bigint not null check (priority between 0 and 99),
    rank           bigint not null,
    extra          text not null,
    state          text not null check (state in ('open', 'dialling', 'callback', 'done', 'given_up')),
    closed_by      text check (closed_by in ('attempt', 'suppression', 'undo')),
    due_at         bigint,
    callback_agent text,
    last_attempt   bigint,
    created_at     bigint not null,
    changed_at     bigint not null,
    check ((due_at is not null) = (state in ('open', 'callback')))
);
-- A number is on a campaign once. The number leads, so that a suppression finds its leads in every campaign.
create unique index leads_number on leads (number, campaign);
-- The hopper's question: campaign and zones are given, the highest rank first, then whoever has waited longest.
create index leads_due on leads (campaign, zones, rank, due_at, id) where due_at is not null;
create index leads_state on leads (campaign, state);
create index leads_import on leads (import_id) where import_id is not null;

-- The sets of zones that occur in a campaign: few, so that the hopper can ask for open ones only.
create table campaign_zones (
    campaign text not null references campaigns (key),
    zones    text not null,
    primary key (campaign, zones)
);

-- One run of an import, with the counts that add up to the rows of its file.
create table imports (
    id          bigint primary key,
    kind        text not null check (kind in ('leads', 'suppressions', 'consents')),
    campaign    text,
    list_id     bigint,
    file        text not null,
    state       text not null check (state in ('running', 'done', 'failed', 'undone')),
    rows        bigint not null,
    accepted    bigint not null,
    duplicate   bigint not null,
    invalid     bigint not null,
    suppressed  bigint not null,
    detail      text not null,
    started_by  text not null,
    started_at  bigint not null,
    ended_at    bigint
);
