-- Files of checkpoints in the artifact store, by content, and where attempts resumed.

create table checkpoint_file (
    trial_id uuid not null,
    attempt  bigint not null,
    seq      bigint not null,
    name     text not null,
    -- 64 hexadecimal digits
    sha256   text not null,
    -- bytes
    size     bigint not null,
    -- the main file is the first
    place    bigint not null,
    primary key (trial_id, attempt, seq, name),
    foreign key (trial_id, attempt, seq) references checkpoint on delete cascade
);

create index checkpoint_file_by_content on checkpoint_file (sha256);

-- Contents that are in the artifact store, or on their way there, and that are removed once their time is over unless
-- something points to them.
create table orphan_file (
    sha256     text primary key,
    keep_until bigint not null,
    -- a controller is about to remove it: it can no longer be pointed to
    removing   boolean not null default false
);

-- the record of the checkpoint it went on from, with resume_step
alter table attempt add column resume_attempt bigint;
alter table attempt add column resume_seq bigint;
