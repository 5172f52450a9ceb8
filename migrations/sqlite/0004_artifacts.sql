-- Files of checkpoints in the artifact store, by content, and where attempts resumed.

create table checkpoint_file (
    trial_id blob not null,
    attempt  integer not null,
    seq      integer not null,
    name     text not null,
    -- 64 hexadecimal digits
    sha256   text not null,
    -- bytes
    size     integer not null,
    -- the main file is the first
    place    integer not null,
    primary key (trial_id, attempt, seq, name),
    foreign key (trial_id, attempt, seq) references checkpoint on delete cascade
) strict, without rowid;

create index checkpoint_file_by_content on checkpoint_file (sha256);

-- Contents that are in the artifact store, or on their way there, and that are removed once their time is over unless
-- something points to them.
create table orphan_file (
    sha256     text primary key,
    keep_until integer not null,
    -- a controller is about to remove it: it can no longer be pointed to
    removing   integer not null default 0
) strict, without rowid;

-- the record of the checkpoint it went on from, with resume_step
alter table attempt add column resume_attempt integer;
alter table attempt add column resume_seq integer;
