-- Suppressions and consents: evidence, so nothing is deleted.

-- A number that must not be dialled. `scope` is '*' for every campaign or the key of one ('*' cannot be a key).
create table suppressions (
    id         bigint primary key,
    number     text not null,
    scope      text not null,
    reason     text not null
               check (reason in ('do_not_call', 'opt_out', 'complaint', 'court_order', 'unwanted', 'manual')),
    source     text not null,
    note       text not null,
    added_by   text not null,
    added_at   bigint not null,
    expires_at bigint,
    lifted_by  text,
    lifted_at  bigint,
    lifted_why text
);
-- Adding what is already there changes nothing but the expiry.
create unique index suppressions_in_force on suppressions (number, scope, reason) where lifted_at is null;
create index suppressions_number on suppressions (number, added_at);
create index suppressions_added on suppressions (added_at, id);

-- The consent ledger. Append-only: a revocation is a further row. `purpose` is '*' for everything or a campaign's key.
create table consents (
    id           bigint primary key,
    number       text not null,
    purpose      text not null,
    kind         text not null check (kind in ('given', 'revoked')),
    text         text not null,
    text_version text not null,
    channel      text not null,
    source       text not null,
    at           bigint not null,
    expires_at   bigint,
    recorded_by  text not null,
    recorded_at  bigint not null
);
create unique index consents_once on consents (number, purpose, kind, at, source);
create index consents_recorded on consents (recorded_at, id);

-- Who did what to which object. Append-only.
create table audit (
    id     bigint primary key,
    at     bigint not null,
    who    text not null,
    what   text not null,
    object text not null,
    detail text not null
);
create index audit_at on audit (at, id);
create index audit_object on audit (object, at);
