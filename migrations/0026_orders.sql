-- Orders of customers who accepted. Opened in the transaction of the result, one for each call at most. The id is the order number
-- that people read out: its last digit is a check digit.
create table orders (
    id           bigint primary key,
    campaign     text not null,
    direction    text not null check (direction in ('outbound', 'inbound')),
    call_id      bigint not null,
    lead_id      bigint,
    -- The customer's, in E.164; none where it was not known, or was erased.
    number       text,
    agent_id     bigint not null,
    state        text not null check (state in ('confirmed', 'dispatched', 'delivered', 'refused', 'returned', 'cancelled')),
    state_at     bigint not null,
    -- Quantity, name and price of each item, in hundredths of the currency's unit.
    items        text not null,
    currency     text not null,
    value        bigint not null,
    recipient    text not null,
    address      text not null,
    note         text not null,
    carrier      text not null,
    tracking     text not null,
    -- Why a person should look at it.
    attention    text check (attention in ('result_corrected')),
    opened_at    bigint not null,
    erased_at    bigint
);
create unique index orders_of_calls on orders (direction, call_id);
create index orders_of_campaigns on orders (campaign, state, id);
create index orders_of_states on orders (state, id);
create index orders_of_numbers on orders (number, id) where number is not null;
create index orders_of_leads on orders (lead_id, id) where lead_id is not null;
create index orders_opened on orders (opened_at, id);

-- Each state that an order came into, with who said so. Corrections of what was ordered are among them.
create table order_changes (
    order_id    bigint not null,
    place       bigint not null,
    state       text not null,
    at          bigint not null,
    recorded_at bigint not null,
    changed_by  text not null,
    source      text not null,
    detail      text not null,
    primary key (order_id, place)
);

-- What the funnel looks for: customers' messages of a campaign, and ours that belong to no outreach.
create index messages_came on messages (campaign, id) where direction = 'in';
create index messages_by_themselves on messages (campaign, id) where direction = 'out' and outreach is null;
