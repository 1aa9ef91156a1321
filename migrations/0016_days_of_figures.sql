-- Figures of whole days of UTC, one breakdown at a time, so that a page over years need not add up hours of every list and agent.

-- `kind` is what the day is broken down by: 'hour', 'list' and 'agent' have a `number`, 'disposition' and 'result' a `word`.
create table figures_days (
    campaign        text not null,
    kind            text not null,
    day             bigint not null,
    number          bigint not null,
    word            text not null,
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
    primary key (campaign, kind, day, number, word)
);

-- Days whose hours were counted since the day was: until it is counted again, its hours are read. `mark` is another one at each
-- change.
create table figures_days_due (
    campaign text not null,
    day      bigint not null,
    mark     bigint not null,
    primary key (campaign, day)
);
insert into figures_days_due (campaign, day, mark)
select campaign, hour / 24, 0 from figures group by campaign, hour / 24;
