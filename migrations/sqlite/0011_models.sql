-- Models: checkpoints that people chose to use. Their files stay while they stand, also when the trial lets go of the checkpoint.

create table model (
    id          blob primary key,
    -- as people call it
    name        text not null unique,
    -- the record of the checkpoint
    trial_id    blob not null,
    attempt     integer not null,
    seq         integer not null,
    -- the newest is the one that is used where none is named
    promoted_at integer not null,
    foreign key (trial_id, attempt, seq) references checkpoint
) strict, without rowid;

create table model_file (
    model_id blob not null references model on delete cascade,
    name     text not null,
    -- 64 hexadecimal digits
    sha256   text not null,
    -- bytes
    size     integer not null,
    -- the main file is the first
    place    integer not null,
    primary key (model_id, name)
) strict, without rowid;

create index model_file_by_content on model_file (sha256);
