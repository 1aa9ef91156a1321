-- The people who sign in.

create table users (
    id              bigint primary key,
    login           text not null unique,
    name            text not null,
    role            text not null check (role in ('manager', 'agent', 'marketing', 'operator')),
    language        text not null,
    password        text not null,
    password_at     bigint not null,
    phone           text,
    phone_leg       text,
    groups          text not null,
    created_at      bigint not null,
    disabled_at     bigint
);

-- Sign-ins. Only the SHA-256 of the token is kept: who reads this table cannot sign in with it.
create table user_sessions (
    id            bigint primary key,
    user_id       bigint not null references users (id),
    token_sha256  text not null unique,
    created_at    bigint not null,
    seen_at       bigint not null,
    idle_until    bigint not null,
    expires_at    bigint not null,
    revoked_at    bigint,
    client        text not null
);
create index user_sessions_of_user on user_sessions (user_id, created_at);
