-- Times are milliseconds since the Unix epoch, given by the controller. UUIDs are blobs of 16 bytes.
-- `changed` is the number of the last change to a row; a watcher asks for what is newer than the last it saw.

create table sweep (
    id             text primary key,
    -- the same creation sent twice is one sweep
    request_id     blob not null constraint sweep_request_key unique,
    name           text not null,
    project        text not null,
    description    text not null,
    state          text not null,
    reason         text not null default '',
    method         text not null,
    objective_name text,
    goal           text,
    seed           integer not null,
    planned_trials integer,
    -- how often a trial whose program failed is run again
    retries        integer not null,
    -- most trials held by agents at one time
    max_parallel   integer,
    -- trials up to this number have been proposed
    proposed       integer not null default 0,
    -- nothing is left to propose
    exhausted      integer not null default 0,
    -- the sweep file as it was given
    text           text not null,
    created_at     integer not null,
    ended_at       integer,
    changed        integer not null
) strict;

create table agent (
    id            blob primary key,
    name          text not null,
    host          text not null,
    version       text not null,
    slots         integer not null,
    -- JSON list and object
    devices       text not null,
    labels        text not null,
    registered_at integer not null
) strict, without rowid;

create table trial (
    id                    blob primary key,
    sweep_id              text not null references sweep (id),
    number                integer not null,
    state                 text not null,
    reason                text not null default '',
    -- JSON object
    params                text not null,
    -- best finite value of the objective over the visible curve
    objective             real,
    -- the current or last attempt, the fencing token; 0: never claimed
    attempt               integer not null default 0,
    user_faults           integer not null default 0,
    infrastructure_faults integer not null default 0,
    created_at            integer not null,
    started_at            integer,
    finished_at           integer,
    changed               integer not null,
    constraint trial_number_key unique (sweep_id, number)
) strict, without rowid;

-- what a claim takes: trials that ran before first, then by number
create index trial_queue on trial (sweep_id, (attempt = 0), number) where state = 'queued';
create index trial_by_state on trial (sweep_id, state);
create index trial_by_change on trial (sweep_id, changed);
create index trial_by_objective on trial (sweep_id, objective) where objective is not null;

create table attempt (
    trial_id         blob not null references trial (id) on delete cascade,
    number           integer not null,
    agent_id         blob not null references agent (id),
    -- the same claim sent twice is one attempt
    request_id       blob not null constraint attempt_request_key unique,
    lease_ms         integer not null,
    renewals         integer not null default 0,
    -- events up to this number are stored
    acknowledged_seq integer not null default 0,
    -- the step it resumed from; null: from the beginning
    resume_step      integer,
    claimed_at       integer not null,
    ended_at         integer,
    outcome          text,
    reason           text not null default '',
    exit_code        integer,
    signal           integer,
    -- JSON object: command, host, git, versions
    facts            text,
    primary key (trial_id, number)
) strict, without rowid;

create index attempt_live on attempt (trial_id, number) where ended_at is null;

-- Reports as they arrived, one row a batch; the blobs are described in store/src/codec.rs.
create table batch (
    trial_id  blob not null references trial (id) on delete cascade,
    attempt   integer not null,
    first_seq integer not null,
    last_seq  integer not null,
    points    blob,
    logs      blob,
    primary key (trial_id, attempt, first_seq)
) strict;

-- One row a metric of a trial, over the visible curve.
create table metric (
    trial_id   blob not null references trial (id) on delete cascade,
    name       text not null,
    count      integer not null,
    non_finite integer not null,
    last       real,
    last_step  integer not null,
    min        real,
    max        real,
    primary key (trial_id, name)
) strict, without rowid;

create table checkpoint (
    trial_id blob not null references trial (id) on delete cascade,
    attempt  integer not null,
    seq      integer not null,
    step     integer not null,
    epoch    real,
    path     text not null,
    -- JSON object
    metrics  text not null,
    primary key (trial_id, attempt, seq)
) strict, without rowid;

create table media (
    trial_id blob not null references trial (id) on delete cascade,
    attempt  integer not null,
    seq      integer not null,
    name     text not null,
    step     integer not null,
    -- any JSON
    value    text not null,
    primary key (trial_id, attempt, seq)
) strict;

-- One row: the last change number given out.
create table change_counter (
    id    integer primary key check (id = 1),
    value integer not null
) strict;

insert into change_counter (id, value) values (1, 0);
