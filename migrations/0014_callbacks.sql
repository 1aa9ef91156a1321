-- When a call was promised for. `due_at` says when it may be tried, which is later where the customer's hours were closed then or
-- the agent was away. Of no meaning once no call is promised any more.
alter table leads add column callback_at bigint;
update leads set callback_at = due_at where state = 'callback';
-- The page of callbacks, the longest overdue first.
create index leads_callbacks on leads (callback_at, id) where state = 'callback';
