-- One row for each call that was connected to an agent: the recording, or why there is none. Nothing in it tells who the
-- customer is. `file` is a name in the folder of recordings and is empty where there is none, or none any more; length, bytes
-- and hash are known when the recording is over. `lost_at`: the file was looked for and not found.
create table recordings (
    direction      text not null check (direction in ('outbound', 'inbound')),
    call_id        bigint not null,
    campaign       text,
    agent_id       bigint,
    began_at       bigint not null,
    state          text not null check (state in ('running', 'whole', 'cut_off', 'none', 'removed')),
    reason         text check (reason in ('off', 'disk_full', 'disk', 'no_media', 'busy', 'crash', 'retention', 'erasure')),
    file           text,
    ended_at       bigint,
    length_ms      bigint,
    bytes          bigint,
    sha256         text,
    dropped_frames bigint,
    lost_at        bigint,
    primary key (direction, call_id)
);
create index recordings_by_time on recordings (began_at, direction, call_id);
create index recordings_running on recordings (began_at) where state = 'running';
create index recordings_filed on recordings (began_at) where file is not null;
create index recordings_of_campaign on recordings (campaign, began_at, direction, call_id);
