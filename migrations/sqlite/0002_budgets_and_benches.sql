-- Budgets per sweep; a pause before a trial is handed out again; agents that get no trials for a while; checkpoints
-- that a trial can go on from.
--
-- Of what is in the tables since 0001, an agent's host, version, slots, devices, labels and time of registration and an
-- attempt's exit code and signal are kept for the dashboard; no statement reads them yet.

alter table sweep add column infrastructure_retries integer not null default 5;
-- a trial that ended without a finite objective failed
alter table sweep add column fails_non_finite integer not null default 0;

-- not handed out before so much time has passed since a moment; 0: no pause
alter table trial add column pause_ms integer not null default 0;
alter table trial add column pause_began integer not null default 0;

-- what is remembered of an agent since it first registered, see core's breaker
alter table agent add column proven integer not null default 0;
alter table agent add column first_failures integer not null default 0;
alter table agent add column machine_faults integer not null default 0;
alter table agent add column benched integer not null default 0;
-- it gets no trials before so much time has passed since a moment; 0: it is not benched
alter table agent add column bench_ms integer not null default 0;
alter table agent add column bench_began integer not null default 0;
alter table agent add column bench_reason text not null default '';

-- a trial can go on from it
alter table checkpoint add column resume integer not null default 0;
-- when its files were all in the artifact store; null: they are not
alter table checkpoint add column stored_at integer;
