-- Answers to requests that named a key of their own, so that the same request again is answered and not done again. `id` is the
-- SHA-256 of who asked and the key, `request` that of the key and all that was asked: neither can be read back.
create table kept_answers (
    id           text primary key,
    request      text not null,
    status       bigint not null,
    content_type text not null,
    body         text not null,
    expires_at   bigint not null
);
create index kept_answers_by_end on kept_answers (expires_at);
