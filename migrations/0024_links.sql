-- Landing pages: the links that lead to them, who came, codes that prove a number, and forms that were answered.
create table links (
    id         bigint primary key,
    -- SHA-256 of what stands in the address: this table opens nobody's page.
    token_hash text not null,
    campaign   text not null,
    number     text not null,
    lead_id    bigint,
    -- The message that it stands in.
    message_id bigint,
    created_at bigint not null,
    expires_at bigint not null
);
create unique index links_token on links (token_hash);
create index links_campaign on links (campaign, id);
create index links_number on links (number, id);
create index links_message on links (message_id) where message_id is not null;
create index links_expire on links (expires_at);

create table visits (
    id       bigint primary key,
    campaign text not null,
    -- None: the page that everybody may open.
    link_id  bigint,
    kind     text not null check (kind in ('visit', 'preview')),
    at       bigint not null,
    -- What the browser or program calls itself.
    agent    text not null
);
create index visits_campaign on visits (campaign, kind, at);
create index visits_link on visits (link_id, kind, at) where link_id is not null;
create index visits_at on visits (at);

-- Codes that were sent by SMS to whoever typed a number. The text of the message stands in messages: a hash would hide nothing.
create table codes (
    id         bigint primary key,
    campaign   text not null,
    number     text not null,
    code       text not null,
    tries      bigint not null,
    created_at bigint not null,
    expires_at bigint not null,
    used_at    bigint
);
create index codes_number on codes (number, created_at);
create index codes_created on codes (created_at);

-- How a form was answered: one that is sent twice is done once and answered alike.
create table landing_forms (
    id     text primary key,
    answer text not null,
    at     bigint not null
);
create index landing_forms_at on landing_forms (at);
