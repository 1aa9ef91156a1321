-- What somebody set of a campaign's limits while it ran, over its definition; null: as the definition says.
create table campaign_limits (
    campaign          text primary key,
    lines_max         bigint,
    dials_per_day_max bigint,
    abandon_rate_max  double precision,
    changed_by        text not null,
    changed_at        bigint not null
);
