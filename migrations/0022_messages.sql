-- SMS, ours and those of customers.
create table messages (
    id         bigint primary key,
    direction  text not null check (direction in ('out', 'in')),
    gateway    text not null,
    -- Whose message it is, or whose words it answers.
    campaign   text,
    -- The customer's, in E.164; of one that came it may be whatever the gateway wrote, if that is no number.
    number     text not null,
    -- Sender of what goes out, the number of ours that a customer wrote to.
    ours       text not null,
    text       text not null,
    parts      bigint not null,
    purpose    text not null check (purpose in ('direct', 'confirmation', 'reply')),
    state      text not null check (state in ('queued', 'sending', 'sent', 'delivered', 'undeliverable', 'expired',
                                              'rejected', 'unknown', 'suppressed', 'received')),
    -- Of one that came.
    meaning    text check (meaning in ('opt_out', 'perhaps_opt_out', 'interested', 'other')),
    -- The message that this one answers.
    answers    bigint,
    -- The id that the gateway gave a message of a customer; that of a part of ours stands in message_parts.
    gateway_id text,
    error      text,
    created_by text not null,
    created_at bigint not null,
    sending_at bigint,
    sent_at    bigint,
    ended_at   bigint
);
-- One for each state: a database uses an index of some rows only for a question that is as narrow.
create index messages_queued on messages (gateway, id) where state = 'queued';
create index messages_sending on messages (gateway, id) where state = 'sending';
create index messages_created on messages (created_at, id);
create index messages_number on messages (number, id);
-- What a gateway tells twice is taken in once.
create unique index messages_once on messages (gateway, gateway_id) where gateway_id is not null;

-- What a gateway called each part that it took, and what became of it.
create table message_parts (
    message_id bigint not null,
    part       bigint not null,
    gateway    text not null,
    gateway_id text not null,
    state      text,
    primary key (message_id, part)
);
create index message_parts_gateway on message_parts (gateway, gateway_id, message_id);

-- Receipts that came before it was written down what the gateway had called the part.
create table early_receipts (
    gateway     text not null,
    gateway_id  text not null,
    state       text,
    says        text not null,
    received_at bigint not null,
    primary key (gateway, gateway_id)
);

-- Pieces of messages of customers that came in several, until all are there.
create table message_pieces (
    gateway     text not null,
    number      text not null,
    ours        text not null,
    reference   bigint not null,
    pieces      bigint not null,
    piece       bigint not null,
    text        text not null,
    received_at bigint not null,
    primary key (gateway, number, ours, reference, pieces, piece)
);
