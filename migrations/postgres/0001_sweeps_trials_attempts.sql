-- Times are milliseconds since the Unix epoch, given by the controller. The tables and columns are SQLite's.
-- `changed` is the number of the last change to a row; a watcher asks for what is newer than the last it saw.

create table sweep (
    id             text primary key,
    -- the same creation sent twice is one sweep
    request_id     uuid not null constraint sweep_request_key unique,
    name           text not null,
    project        text not null,
    description    text not null,
    state          text not null,
    reason         text not null default '',
    method         text not null,
    objective_name text,
    goal           text,
    seed           bigint not null,
    planned_trials bigint,
    -- how often a trial whose program failed is run again
    retries        bigint not null,
    -- most trials held by agents at one time
    max_parallel   bigint,
    -- trials up to this number have been proposed
    proposed       bigint not null default 0,
    -- nothing is left to propose
    exhausted      boolean not null default false,
    -- the sweep file as it was given
    text           text not null,
    created_at     bigint not null,
    ended_at       bigint,
    changed        bigint not null
);

create table agent (
    id            uuid primary key,
    name          text not null,
    host          text not null,
    version       text not null,
    slots         bigint not null,
    -- JSON list and object
    devices       text not null,
    labels        text not null,
    registered_at bigint not null
);

create table trial (
    id                    uuid primary key,
    sweep_id              text not null references sweep (id),
    number                bigint not null,
    state                 text not null,
    reason                text not null default '',
    -- JSON object
    params                text not null,
    -- best finite value of the objective over the visible curve
    objective             double precision,
    -- the current or last attempt, the fencing token; 0: never claimed
    attempt               bigint not null default 0,
    user_faults           bigint not null default 0,
    infrastructure_faults bigint not null default 0,
    created_at            bigint not null,
    started_at            bigint,
    finished_at           bigint,
    changed               bigint not null,
    constraint trial_number_key unique (sweep_id, number)
);

-- what a claim takes: trials that ran before first, then by number
create index trial_queue on trial (sweep_id, (attempt = 0), number) where state = 'queued';
create index trial_by_state on trial (sweep_id, state);
create index trial_by_change on trial (sweep_id, changed);
create index trial_by_objective on trial (sweep_id, objective) where objective is not null;

create table attempt (
    trial_id         uuid not null references trial (id) on delete cascade,
    number           bigint not null,
    agent_id         uuid not null references agent (id),
    -- the same claim sent twice is one attempt
    request_id       uuid not null constraint attempt_request_key unique,
    lease_ms         bigint not null,
    renewals         bigint not null default 0,
    -- events up to this number are stored
    acknowledged_seq bigint not null default 0,
    -- the step it resumed from; null: from the beginning
    resume_step      bigint,
    claimed_at       bigint not null,
    ended_at         bigint,
    outcome          text,
    reason           text not null default '',
    exit_code        bigint,
    signal           bigint,
    -- JSON object: command, host, git, versions
    facts            text,
    primary key (trial_id, number)
);

create index attempt_live on attempt (trial_id, number) where ended_at is null;

-- Reports as they arrived, one row a batch; the blobs are described in store/src/codec.rs.
create table batch (
    trial_id  uuid not null references trial (id) on delete cascade,
    attempt   bigint not null,
    first_seq bigint not null,
    last_seq  bigint not null,
    points    bytea,
    logs      bytea,
    primary key (trial_id, attempt, first_seq)
);

-- One row a metric of a trial, over the visible curve.
create table metric (
    trial_id   uuid not null references trial (id) on delete cascade,
    name       text not null,
    count      bigint not null,
    non_finite bigint not null,
    last       double precision,
    last_step  bigint not null,
    min        double precision,
    max        double precision,
    primary key (trial_id, name)
);

create table checkpoint (
    trial_id uuid not null references trial (id) on delete cascade,
    attempt  bigint not null,
    seq      bigint not null,
    step     bigint not null,
    epoch    double precision,
    path     text not null,
    -- JSON object
    metrics  text not null,
    primary key (trial_id, attempt, seq)
);

create table media (
    trial_id uuid not null references trial (id) on delete cascade,
    attempt  bigint not null,
    seq      bigint not null,
    name     text not null,
    step     bigint not null,
    -- any JSON
    value    text not null,
    primary key (trial_id, attempt, seq)
);

-- The numbers of changes. Whoever takes one holds a shared lock until its transaction ends (store/src/postgres/feed.rs),
-- which is how readers know up to which number nothing is missing.
create sequence change_number minvalue 0 start 0 no cycle;

-- Number 0 stands for no change at all.
select nextval('change_number');
