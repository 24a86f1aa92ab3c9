drop index sessions_temporary;
create index sessions_temporary on sessions (updated_at) where temporary = 1;
drop index prompts_shared;
create index prompts_shared on prompts (name) where shared = 1;
