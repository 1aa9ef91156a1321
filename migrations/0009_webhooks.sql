-- Endpoints that are told what happened. `events` is '*' or a JSON array of types such as "call.ended"; `campaign` null: of all.
-- `secret` signs what is sent: whoever reads this table can sign in our name. The secret before counts beside it until
-- `secret_before_until`. `failing_since` is the first failure after which nothing was delivered.
create table webhooks (
    id                  bigint primary key,
    name                text not null unique,
    url                 text not null,
    events              text not null,
    campaign            text,
    secret              text not null,
    secret_before       text,
    secret_before_until bigint,
    created_by          text not null,
    created_at          bigint not null,
    failing_since       bigint,
    succeeded_at        bigint,
    disabled_at         bigint,
    disabled_why        text
);

-- What happened, written in the transaction of the change that it tells, while an endpoint wants to hear of it. `body` is what
-- is sent, to the byte.
create table webhook_events (
    id       bigint primary key,
    type     text not null,
    campaign text,
    at       bigint not null,
    body     text not null
);
create index webhook_events_by_time on webhook_events (at, id);

-- One event on its way to one endpoint. `attempts` begins anew where somebody sends it again by hand.
create table webhook_deliveries (
    webhook_id  bigint not null references webhooks (id),
    event_id    bigint not null references webhook_events (id),
    state       text not null check (state in ('waiting', 'delivered', 'failed')),
    attempts    bigint not null,
    due_at      bigint not null,
    created_at  bigint not null,
    finished_at bigint,
    primary key (webhook_id, event_id)
);
create index webhook_deliveries_waiting on webhook_deliveries (webhook_id, due_at, event_id) where state = 'waiting';
create index webhook_deliveries_of_event on webhook_deliveries (event_id);

-- Every try, with what came back. `status` is null where there was no answer.
create table webhook_attempts (
    id          bigint primary key,
    webhook_id  bigint not null,
    event_id    bigint not null,
    at          bigint not null,
    status      bigint,
    duration_ms bigint not null,
    error       text,
    response    text not null
);
create index webhook_attempts_of_webhook on webhook_attempts (webhook_id, id);
create index webhook_attempts_of_event on webhook_attempts (event_id);
