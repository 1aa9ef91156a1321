-- Callers who are being recorded: a call that comes in has a row of its own only when it is over, and until then this one tells
-- whose its recording is. It goes with the call's end; what a crash left becomes a call at the next start.
create table recorded_callers (
    id         bigint primary key,
    queue      text,
    campaign   text,
    did        text not null,
    caller     text,
    offered_at bigint not null,
    agent_id   bigint not null
);

-- When the call of an outbound recording began, so that attempts are found by their recordings in their own order.
alter table recordings add column called_at bigint;
update recordings set called_at = (select a.at from attempts a where a.id = recordings.call_id)
    where direction = 'outbound';
create index recordings_of_attempts on recordings (campaign, called_at, call_id) where direction = 'outbound';
create index recordings_missing_of_attempts on recordings (campaign, called_at, call_id)
    where direction = 'outbound' and (lost_at is not null or state = 'none');
create index recordings_missing on recordings (began_at, direction, call_id) where lost_at is not null or state = 'none';
