-- Trials of earlier sweeps that a sweep began with, a JSON list, as they were when it was created: a replay finds them even if they
-- are gone. Null: it began with none.
alter table sweep add column prior text;
