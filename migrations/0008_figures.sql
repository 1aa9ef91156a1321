-- Figures: attempts counted by the hour, so that no page has to count millions of rows.

-- Whether an attempt was the first of its lead that left, that was answered, and that reached an agent. Written when it ends and never
-- changed: counted over all attempts they give the number of leads.
alter table attempts add column first_dialled boolean;
alter table attempts add column first_answered boolean;
alter table attempts add column first_connected boolean;
update attempts set
    first_dialled = (network_disposition <> 'not_dialled' and not exists (
        select 1 from attempts b
        where b.lead_id = attempts.lead_id and b.state = 'ended' and b.network_disposition <> 'not_dialled'
          and (b.at < attempts.at or (b.at = attempts.at and b.id < attempts.id)))),
    first_answered = (answered_at is not null and not exists (
        select 1 from attempts b
        where b.lead_id = attempts.lead_id and b.answered_at is not null
          and (b.at < attempts.at or (b.at = attempts.at and b.id < attempts.id)))),
    first_connected = (connected_at is not null and not exists (
        select 1 from attempts b
        where b.lead_id = attempts.lead_id and b.connected_at is not null
          and (b.at < attempts.at or (b.at = attempts.at and b.id < attempts.id))))
where state = 'ended';

-- What one attempt adds to each figure: the only place that says so. `hour` counts the hours of UTC since 1970.
create view attempt_figures as
select a.id as id, a.campaign as campaign, a.at as at, a.at / 3600000 as hour, coalesce(l.list_id, 0) as list_id,
       coalesce(a.agent_id, 0) as agent_id, coalesce(a.disposition, '') as disposition, coalesce(a.result, '') as result,
       1 as attempts,
       case when a.state = 'live' then 1 else 0 end as live,
       case when a.answered_at is not null then 1 else 0 end as answered,
       case when a.answered_at is not null and coalesce(a.disposition, '') in ('machine', 'fax', 'agent_machine')
            then 1 else 0 end as machines,
       case when a.connected_at is not null then 1 else 0 end as connected,
       case when a.network_disposition = 'abandoned' then 1 else 0 end as abandoned,
       case when a.disposition = 'accepted' then 1 else 0 end as accepted,
       case when a.first_dialled then 1 else 0 end as leads_dialled,
       case when a.first_answered then 1 else 0 end as leads_answered,
       case when a.first_connected then 1 else 0 end as leads_connected,
       case when a.rang_at is not null then coalesce(a.answered_at, a.ended_at, a.rang_at) - a.rang_at else 0 end as ring_ms,
       case when a.connected_at is not null then a.connected_at - coalesce(a.answered_at, a.connected_at) else 0 end as wait_ms,
       case when a.connected_at is not null then coalesce(a.ended_at, a.connected_at) - a.connected_at else 0 end as talk_ms
from attempts a left join leads l on l.id = a.lead_id;

-- Sums of the view for whole hours, and in `figures_kept` those of attempts that were removed since.
create table figures (
    campaign        text not null,
    hour            bigint not null,
    list_id         bigint not null,
    agent_id        bigint not null,
    disposition     text not null,
    result          text not null,
    attempts        bigint not null,
    live            bigint not null,
    answered        bigint not null,
    machines        bigint not null,
    connected       bigint not null,
    abandoned       bigint not null,
    accepted        bigint not null,
    leads_dialled   bigint not null,
    leads_answered  bigint not null,
    leads_connected bigint not null,
    ring_ms         bigint not null,
    wait_ms         bigint not null,
    talk_ms         bigint not null,
    primary key (campaign, hour, list_id, agent_id, disposition, result)
);
create table figures_kept (
    campaign        text not null,
    hour            bigint not null,
    list_id         bigint not null,
    agent_id        bigint not null,
    disposition     text not null,
    result          text not null,
    attempts        bigint not null,
    live            bigint not null,
    answered        bigint not null,
    machines        bigint not null,
    connected       bigint not null,
    abandoned       bigint not null,
    accepted        bigint not null,
    leads_dialled   bigint not null,
    leads_answered  bigint not null,
    leads_connected bigint not null,
    ring_ms         bigint not null,
    wait_ms         bigint not null,
    talk_ms         bigint not null,
    primary key (campaign, hour, list_id, agent_id, disposition, result)
);

-- Hours in which something changed since they were counted: until they are counted again, their attempts are. `mark` is another
-- one at each change.
create table figures_stale (
    campaign text not null,
    hour     bigint not null,
    mark     bigint not null,
    primary key (campaign, hour)
);
insert into figures_stale (campaign, hour, mark)
select campaign, at / 3600000, 0 from attempts group by campaign, at / 3600000;

-- How many leads a list has; those that were taken back are not among them.
alter table lists add column leads bigint;
update lists set leads = (select count(*) from leads l where l.list_id = lists.id);
