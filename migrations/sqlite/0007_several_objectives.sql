-- Sweeps after several objectives: what those are, a JSON list of names and goals, and what a trial came to in each, a JSON list of
-- numbers in the same order. Null: the sweep is after one or none; of a trial also, not every one has a finite value.
alter table sweep add column objectives text;
alter table trial add column objectives text;
