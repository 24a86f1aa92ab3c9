-- Statements compare flags with true, as every engine takes it: the condition of an index has to be the same expression.
drop index sessions_temporary;
create index sessions_temporary on sessions (updated_at) where temporary = true;
drop index prompts_shared;
create index prompts_shared on prompts (name) where shared = true;
