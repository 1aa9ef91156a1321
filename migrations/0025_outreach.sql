-- Outreach: rounds of messages to an audience. What they say is in the campaign's definition.
create table outreaches (
    campaign   text not null references campaigns (key),
    name       text not null,
    state      text not null check (state in ('running', 'paused', 'done')),
    state_by   text not null,
    state_at   bigint not null,
    -- Who started it first: their name stands on its messages.
    started_by text not null,
    started_at bigint not null,
    -- The last lead that was looked at for the audience; -1: nobody is left to be looked at.
    looked_to  bigint not null,
    looked_at  bigint not null,
    -- Why it cannot send although it runs.
    held       text,
    primary key (campaign, name)
);

-- Everybody in the audience, once for each outreach: who has a message_id has had theirs.
create table outreach_recipients (
    campaign   text not null,
    outreach   text not null,
    lead_id    bigint not null,
    number     text not null,
    variant    text not null,
    language   text not null,
    state      text not null check (state in ('waiting', 'given', 'skipped')),
    -- Of one that waits: when it may leave.
    due_at     bigint,
    -- Of one that was skipped: why, and of which column.
    reason     text check (reason in ('blank', 'too_long', 'landline', 'replied', 'not_open', 'no_hours', 'too_late')),
    detail     text,
    message_id bigint,
    primary key (campaign, outreach, lead_id),
    check ((state = 'waiting') = (due_at is not null) and (state = 'given') = (message_id is not null)
           and (state = 'skipped') = (reason is not null))
);
create index outreach_recipients_due on outreach_recipients (campaign, outreach, due_at, lead_id) where due_at is not null;
-- Nobody has two messages of one outreach, also when their lead was taken back and came in again.
create unique index outreach_recipients_number on outreach_recipients (campaign, outreach, number);
create index outreach_recipients_states on outreach_recipients (campaign, outreach, variant, state, reason, language);
create index outreach_recipients_message on outreach_recipients (message_id) where message_id is not null;
create index outreach_recipients_lead on outreach_recipients (lead_id);

alter table messages add column outreach text;
alter table messages add column variant text;
create index messages_outreach on messages (campaign, outreach, state, variant) where outreach is not null;
