-- Stop rules: which rules a sweep has, what is remembered for them, and every judgement, so that all can be judged again.

-- the rules, as JSON; null: nothing stops anything
alter table sweep add column stops text;
-- what is remembered for the rule of the sweep as a whole, as JSON; null: nothing yet
alter table sweep add column account text;
-- what is remembered of the trial for the rule of trials, as JSON; null: nothing yet
alter table trial add column judged text;

-- What happened to one trial at one time, and what the rule said then, in the order in which they were made in a sweep.
create table judgement (
    sweep_id text not null references sweep (id),
    number   integer not null,
    -- the trial's number
    trial    integer not null,
    -- JSON list
    events   text not null,
    -- JSON; null: it goes on
    verdict  text,
    primary key (sweep_id, number)
) strict, without rowid;

create index judgement_by_trial on judgement (sweep_id, trial, number);

-- Who came to which rung with what.
create table rung_entry (
    sweep_id text not null references sweep (id),
    bracket  integer not null,
    rung     integer not null,
    -- the trial's number
    trial    integer not null,
    -- null: not finite
    value    real,
    -- it was let past
    passed   integer not null,
    primary key (sweep_id, bracket, rung, trial)
) strict, without rowid;
