-- Files that somebody asked for, written as jobs. The file stands beside the database under its id, for the days of
-- retention.exports_days. `interrupted`: the service ended while it was written.
create table exports (
    id          bigint primary key,
    kind        text not null,
    campaign    text,
    from_at     bigint not null,
    to_at       bigint not null,
    format      text not null check (format in ('csv', 'xlsx')),
    bom         boolean not null,
    masked      boolean not null,
    state       text not null check (state in ('waiting', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
    rows        bigint not null,
    bytes       bigint not null,
    error       text,
    created_by  text not null,
    created_at  bigint not null,
    finished_at bigint
);
