-- Imports that work while nobody waits: who wants which file brought in how, and what became of it. `plan` is JSON of the
-- options, `outcome` of the counts, `problem` of what stood in the way. The file itself lies in the data directory, under the
-- number of its upload, for as long as it can be gone on with.
create table import_jobs (
    id         bigint primary key,
    campaign   text not null,
    upload     bigint not null,
    file       text not null,
    plan       text not null,
    dry_run    boolean not null,
    state      text not null check (state in ('queued', 'running', 'done', 'failed', 'cancelled', 'broken_off')),
    import_id  bigint,
    outcome    text,
    problem    text,
    created_by text not null,
    created_at bigint not null,
    started_at bigint,
    ended_at   bigint
);
create index import_jobs_of_campaign on import_jobs (campaign, id);
create index import_jobs_of_upload on import_jobs (upload);
create index import_jobs_open on import_jobs (id) where state in ('queued', 'running');

-- What leads said before an import brought them up to date, for as long as it can be taken back.
create table lead_updates (
    import_id   bigint not null,
    lead_id     bigint not null,
    number      text not null,
    name        text not null,
    zones       text not null,
    zone_source text not null,
    priority    bigint not null,
    score       bigint,
    replied_at  bigint,
    extra       text not null,
    updated_at  bigint not null,
    primary key (import_id, lead_id)
);
create index lead_updates_of_lead on lead_updates (lead_id);
create index lead_updates_by_age on lead_updates (updated_at);

-- What the columns of a kind of file mean, under a name. `mapping` is JSON: a heading and what it is for, each.
create table list_templates (
    name       text primary key,
    mapping    text not null,
    changed_by text not null,
    changed_at bigint not null
);
