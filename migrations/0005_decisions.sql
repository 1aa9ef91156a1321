-- Why campaigns dialled as much as they did: at most one row a second for each campaign, kept for the days of
-- `retention.decisions_days`.

-- `binding` is the code of what kept it from placing one more dial. `refusals` is a JSON object of counts by reason, null
-- where no lead was refused. The forecast is null with pacing that makes none, and `abandon_price` where no call may be
-- abandoned. Ids sort by age: the oldest rows are found by them.
create table decisions (
    id               bigint primary key,
    campaign         text not null,
    at               bigint not null,
    placed           bigint not null,
    binding          text not null,
    idle             bigint not null,
    idle_with_slot   bigint not null,
    slots            bigint not null,
    pending          bigint not null,
    abandons_left    bigint not null,
    refusals         text,
    agents_free      double precision,
    answers_expected double precision,
    answer_share     double precision,
    abandon_chance   double precision,
    abandon_price    double precision,
    caller_price     double precision,
    more             bigint
);
create index decisions_of_campaign on decisions (campaign, at, id);
