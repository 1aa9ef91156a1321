-- Keys of programs that use the API. Only the SHA-256 of a key is kept. `scopes` is a JSON array of words such as
-- "lists:write"; `role` bounds them as it does people.
create table api_keys (
    id          bigint primary key,
    name        text not null,
    role        text not null check (role in ('manager', 'marketing', 'operator')),
    scopes      text not null,
    key_sha256  text not null unique,
    created_by  text not null,
    created_at  bigint not null,
    expires_at  bigint,
    seen_at     bigint,
    revoked_by  text,
    revoked_at  bigint
);
create unique index api_keys_name on api_keys (name) where revoked_at is null;
