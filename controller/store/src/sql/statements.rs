//! Every statement, by name. A test prepares each against a fresh database, so a typo cannot wait for its scenario.

/// A statement, and what it is for, in words for an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    pub(crate) what: &'static str,
    pub(crate) text: &'static str,
}

impl Statement {
    /// Whether it changes nothing.
    pub(crate) fn only_reads(&self) -> bool {
        self.text.starts_with("select ")
    }
}

macro_rules! statements {
    ($list:ident: $($name:ident, $what:literal = $sql:expr;)*) => {
        $(pub(crate) const $name: Statement = Statement { what: $what, text: $sql };)*
        #[cfg(test)]
        pub(crate) const $list: &[(&str, Statement)] = &[$((stringify!($name), $name)),*];
    };
}

/// The columns of a sweep without its counts and best trial.
macro_rules! sweep_columns {
    ($text:literal, $note:literal) => {
        concat!(
            "select s.id, s.name, s.project, s.description, s.state, s.reason, s.method, s.objective_name, s.goal, s.objectives, s.seed, s.planned_trials, \
             s.proposed, s.exhausted, s.created_at, s.ended_at, ",
            $text,
            " as text, ",
            $note,
            " as note, s.tags from sweep s "
        )
    };
}

macro_rules! trial_columns {
    () => {
        "select t.id, t.sweep_id, t.number, t.state, t.reason, t.params, t.objective, t.objectives, t.attempt, t.created_at, \
         t.started_at, t.finished_at, t.origin, t.judged, t.note, t.tags, a.facts, g.name as agent \
         from trial t left join attempt a on a.trial_id = t.id and a.number = t.attempt \
         left join agent g on g.id = a.agent_id "
    };
}

macro_rules! brief_columns {
    () => {
        "select t.id, t.sweep_id, t.number, t.state, t.reason, t.params, t.objective, t.objectives, t.attempt, t.started_at, \
         t.finished_at, t.changed, t.tags, g.name as agent \
         from trial t left join attempt a on a.trial_id = t.id and a.number = t.attempt \
         left join agent g on g.id = a.agent_id "
    };
}

/// Whether trial `t` counts for what its sweep came to.
macro_rules! it_counts {
    () => {
        "t.objective is not null and t.state in ('running', 'finished', 'stopped_early') "
    };
}

macro_rules! trial_next {
    () => {
        "select id, number, attempt, params from trial where sweep_id = $1 and state = 'queued' \
         and (pause_ms = 0 or $2 - pause_began >= pause_ms or $2 < pause_began) \
         order by attempt = 0, number limit 1"
    };
}

macro_rules! agent_columns {
    ($of:literal) => {
        concat!(
            $of,
            "name, ",
            $of,
            "proven, ",
            $of,
            "first_failures, ",
            $of,
            "machine_faults, ",
            $of,
            "benched, ",
            $of,
            "bench_ms, ",
            $of,
            "bench_began, ",
            $of,
            "bench_reason, ",
            $of,
            "wish, ",
            $of,
            "wish_reason"
        )
    };
}

macro_rules! agent_standing {
    () => {
        concat!("select ", agent_columns!(""), " from agent where id = $1")
    };
}

macro_rules! attempt_standing {
    () => {
        "select t.sweep_id, t.number, t.state, t.attempt as current, t.objective, t.objectives, t.user_faults, \
         t.infrastructure_faults, t.stop_reason, a.renewals, a.acknowledged_seq, a.outcome, a.facts, s.state as sweep_state, s.exhausted, \
         s.objective_name, s.goal, s.objectives as targets, s.retries, s.infrastructure_retries, s.fails_non_finite, a.agent_id, a.claimed_at, \
         t.judged, s.stops \
         from attempt a join trial t on t.id = a.trial_id join sweep s on s.id = t.sweep_id \
         where a.trial_id = $1 and a.number = $2"
    };
}

/// Whether attempt `a` left a checkpoint to go on from.
macro_rules! got_on {
    () => {
        "exists (select 1 from checkpoint c where c.trial_id = a.trial_id and c.attempt = a.number \
         and c.resume and c.stored_at is not null) as got_on "
    };
}

/// Bytes of the files of checkpoint `c`.
macro_rules! checkpoint_size {
    () => {
        "cast(coalesce((select sum(f.size) from checkpoint_file f where f.trial_id = c.trial_id \
         and f.attempt = c.attempt and f.seq = c.seq), 0) as bigint) as size "
    };
}

macro_rules! model_columns {
    () => {
        "select m.id, m.name, m.trial_id, m.attempt, m.seq, m.promoted_at, c.step, c.epoch, c.metrics, t.sweep_id, t.number, \
         t.params, s.name as sweep_name from model m \
         join checkpoint c on c.trial_id = m.trial_id and c.attempt = m.attempt and c.seq = m.seq \
         join trial t on t.id = m.trial_id join sweep s on s.id = t.sweep_id "
    };
}

macro_rules! trial_insert {
    ($rows:literal) => {
        concat!(
            "insert into trial (id, sweep_id, number, state, params, created_at, changed, origin) values ",
            $rows
        )
    };
}

macro_rules! metric_set {
    ($rows:literal) => {
        concat!(
            "insert into metric (trial_id, name, count, non_finite, last, last_step, min, max) values ",
            $rows,
            " on conflict (trial_id, name) do update set count = excluded.count, non_finite = excluded.non_finite, \
             last = excluded.last, last_step = excluded.last_step, min = excluded.min, max = excluded.max"
        )
    };
}

statements! { ALL:
    SWEEP_INSERT, "storing a sweep" = "insert into sweep (id, request_id, name, project, description, state, method, \
        objective_name, goal, seed, planned_trials, retries, infrastructure_retries, fails_non_finite, max_parallel, text, \
        created_at, changed, stops, objectives, prior) \
        values ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) \
        on conflict (request_id) do nothing";
    SWEEP_BY_REQUEST, "finding a sweep by its request" = "select id from sweep where request_id = $1";
    SWEEP_BY_ID, "reading a sweep" = concat!(sweep_columns!("s.text", "s.note"), "where s.id = $1");
    SWEEPS, "listing sweeps" = concat!(sweep_columns!("''", "''"), "order by s.created_at desc, s.id desc");
    SWEEP_NEWEST, "finding the newest sweep" = "select id from sweep order by created_at desc, id desc limit 1";
    SWEEPS_BY_PREFIX, "finding a sweep" = "select id from sweep where id >= $1 and id < $2 order by id limit 6";
    SWEEP_ANNOTATE, "noting on a sweep" = "update sweep set note = $2, tags = $3, changed = $4 where id = $1";
    SWEEP_OF_PROJECT, "finding a project" = "select id from sweep where project = $1 limit 1";
    LAYOUT, "reading a layout" = "select value from layout where project = $1";
    LAYOUT_SET, "keeping a layout" = "insert into layout (project, value) values ($1, $2) \
        on conflict (project) do update set value = excluded.value";
    LAYOUT_FORGET, "forgetting a layout" = "delete from layout where project = $1";
    SWEEP_PRIOR, "reading a sweep" = "select prior from sweep where id = $1";
    SWEEP_STANDING, "reading a sweep's state" = "select state, reason, proposed, planned_trials, exhausted, max_parallel, \
        objective_name, goal, objectives as targets, stops, account from sweep where id = $1";
    SWEEP_MOVE, "moving a sweep" = "update sweep set state = $2, reason = $3, ended_at = $4, changed = $5 where id = $1";
    SWEEP_PROPOSED, "queueing proposals" = "update sweep set proposed = $2, exhausted = $3, changed = $4 where id = $1";
    SWEEP_EXTEND, "extending a sweep" = "update sweep set planned_trials = $2, exhausted = false, changed = $3 where id = $1";
    SWEEP_COUNTS, "counting trials" = "select state, count(*) as count from trial where sweep_id = $1 \
        and state in ('queued', 'leased', 'running', 'paused') group by state \
        union all select state, count from sweep_count where sweep_id = $1";
    SWEEP_LOWEST, "finding the best trial" = "select objective, number from trial where sweep_id = $1 \
        and objective is not null and state in ('running', 'finished', 'stopped_early') order by objective, number limit 1";
    SWEEP_HIGHEST, "finding the best trial" = "select objective, number from trial where sweep_id = $1 \
        and objective is not null and state in ('running', 'finished', 'stopped_early') \
        order by objective desc, number limit 1";
    LAST_FAILURE, "reading the last failure" = "select reason from trial where sweep_id = $1 and state = 'failed' \
        order by finished_at desc limit 1";

    TRIAL_INSERT, "queueing proposals" = trial_insert!("($1, $2, $3, 'queued', $4, $5, $6, $7)");
    TRIAL_INSERT_8, "queueing proposals" = trial_insert!("($1, $2, $3, 'queued', $4, $5, $6, $7), ($8, $9, $10, 'queued', $11, $12, $13, $14), ($15, $16, $17, 'queued', $18, $19, $20, $21), \
        ($22, $23, $24, 'queued', $25, $26, $27, $28), ($29, $30, $31, 'queued', $32, $33, $34, $35), ($36, $37, $38, 'queued', $39, $40, $41, $42), \
        ($43, $44, $45, 'queued', $46, $47, $48, $49), ($50, $51, $52, 'queued', $53, $54, $55, $56)");
    TRIALS_WITHDRAW, "withdrawing queued trials" = "delete from trial where sweep_id = $1 and state = 'queued' and attempt = 0";
    SWEEP_PROPOSED_BACK, "withdrawing queued trials" = "update sweep set proposed = coalesce((select max(number) from trial \
        where sweep_id = $1), 0), exhausted = false where id = $1";
    TRIALS_CANCEL_WAITING, "withdrawing queued trials" = "update trial set state = 'cancelled', reason = $2, \
        finished_at = $3, changed = $4 where sweep_id = $1 and state in ('queued', 'paused') returning id";
    TRIAL_NEXT, "claiming a trial" = trial_next!();
    TRIAL_LEASE, "leasing a trial" = "update trial set state = 'leased', reason = '', attempt = $2, objective = $5, \
        started_at = $3, finished_at = null, changed = $4 where id = $1 and state = 'queued'";
    TRIAL_MOVE, "ending an attempt" = "update trial set state = $2, reason = $3, user_faults = $4, \
        infrastructure_faults = $5, finished_at = $6, changed = $7, pause_ms = $8, pause_began = $9, stop_reason = '' where id = $1";
    TRIAL_WISH, "stopping a trial" = "update trial set stop_reason = $2, changed = $3 where id = $1";
    TRIAL_ANNOTATE, "noting on a trial" = "update trial set note = $2, tags = $3, changed = $4 where id = $1";
    TRIAL_RUNNING, "moving a trial" = "update trial set state = 'running', objective = $2, changed = $3 where id = $1";
    TRIAL_OBJECTIVES, "moving a trial" = "update trial set objectives = $2 where id = $1";
    TRIAL_BY_ID, "reading a trial" = concat!(trial_columns!(), "where t.id = $1");
    TRIAL_BY_NUMBER, "reading a trial" = concat!(trial_columns!(), "where t.sweep_id = $1 and t.number = $2");
    TRIALS, "listing trials" = concat!(trial_columns!(), "where t.sweep_id = $1 order by t.number");
    TRIALS_LOWEST, "listing trials" = concat!(trial_columns!(), "where t.sweep_id = $1 and t.objective is not null \
        order by t.objective, t.number limit $2");
    TRIALS_HIGHEST, "listing trials" = concat!(trial_columns!(), "where t.sweep_id = $1 and t.objective is not null \
        order by t.objective desc, t.number limit $2");
    TRIALS_CHANGED, "reading changes" = concat!(trial_columns!(), "where t.sweep_id = $1 and t.changed > $2 \
        and t.changed <= $3 order by t.number");
    TRIALS_RECORDED, "reading a history" = "select t.number, t.state, t.params, t.objective, t.objectives, m.last from sweep s \
        join trial t on t.sweep_id = s.id left join metric m on m.trial_id = t.id and m.name = s.objective_name \
        where s.id = $1 order by t.number";
    TRIALS_COUNT, "counting trials" = "select count(*) as count from trial where sweep_id = $1 and state = $2";

    BRIEFS, "reading a table" = concat!(brief_columns!(), "where t.sweep_id = $1 and t.number > $2 order by t.number limit $3");
    // By the index on changes: the sum keeps the one on numbers out.
    BRIEFS_CHANGED, "reading a table" = concat!(brief_columns!(), "where t.sweep_id = $1 and t.number + 0 > $2 \
        and t.changed > $4 order by t.number limit $3");
    BRIEFS_LOWEST, "finding the best trials" = concat!(brief_columns!(), "where t.sweep_id = $1 and ", it_counts!(),
        "order by t.objective, t.number limit $2");
    BRIEFS_HIGHEST, "finding the best trials" = concat!(brief_columns!(), "where t.sweep_id = $1 and ", it_counts!(),
        "order by t.objective desc, t.number limit $2");
    BRIEF_BY_ID, "reading a trial" = concat!(brief_columns!(), "where t.id = $1");
    BRIEF_BY_NUMBER, "reading a trial" = concat!(brief_columns!(), "where t.sweep_id = $1 and t.number = $2");
    REACHED, "reading objectives" = concat!("select t.number, t.objective, t.finished_at from trial t where t.sweep_id = $1 and ",
        it_counts!(), "order by t.number");

    METRICS_OF_TRIAL, "reading summaries" = "select name, count, non_finite, last, last_step, min, max from metric \
        where trial_id = $1";
    METRICS_OF_SWEEP, "reading summaries" = "select m.trial_id, m.name, m.count, m.non_finite, m.last, m.last_step, m.min, \
        m.max from trial t join metric m on m.trial_id = t.id where t.sweep_id = $1";
    METRIC_SET, "storing a summary" = metric_set!("($1, $2, $3, $4, $5, $6, $7, $8)");
    METRIC_SET_4, "storing summaries" = metric_set!("($1, $2, $3, $4, $5, $6, $7, $8), \
        ($9, $10, $11, $12, $13, $14, $15, $16), ($17, $18, $19, $20, $21, $22, $23, $24), \
        ($25, $26, $27, $28, $29, $30, $31, $32)");
    METRICS_FORGET, "leasing a trial" = "delete from metric where trial_id = $1";

    AGENT_SET, "registering an agent" = "insert into agent (id, name, host, version, slots, devices, labels, registered_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do update set name = excluded.name, \
        host = excluded.host, version = excluded.version, slots = excluded.slots, devices = excluded.devices, \
        labels = excluded.labels, registered_at = excluded.registered_at";
    AGENT_WISH, "noting a wish for an agent" = "update agent set wish = $2, wish_reason = $3 where id = $1";
    AGENT_SEEN, "noting agents" = "update agent set seen_at = $2 where id = $1 and seen_at < $2";
    AGENTS, "listing agents" = concat!("select id, host, version, slots, devices, labels, registered_at, seen_at, ",
        agent_columns!(""), " from agent order by name, id");
    AGENT_TRIALS, "listing agents" = "select a.agent_id, a.trial_id, a.number as attempt, a.claimed_at, a.facts, t.sweep_id, t.number \
        from attempt a join trial t on t.id = a.trial_id where a.ended_at is null order by t.sweep_id, t.number";
    AGENT_STANDING, "reading an agent" = agent_standing!();
    AGENT_STAND, "remembering an agent" = "update agent set proven = $2, first_failures = $3, machine_faults = $4, \
        benched = $5, bench_ms = $6, bench_began = $7, bench_reason = $8 where id = $1";

    CLAIM_SCENE, "claiming a trial" = concat!("select s.state, s.reason, s.proposed, s.planned_trials, s.exhausted, s.max_parallel, s.objective_name, \
        s.goal, s.objectives as targets, s.stops, s.account, ", agent_columns!("g."), ", a.trial_id, a.number as attempt, t.sweep_id, t.number, t.params from sweep s \
        left join agent g on g.id = $2 left join attempt a on a.request_id = $3 left join trial t on t.id = a.trial_id \
        where s.id = $1");
    ATTEMPT_INSERT, "leasing a trial" = "insert into attempt (trial_id, number, agent_id, request_id, lease_ms, claimed_at, \
        resume_attempt, resume_seq, resume_step) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    ATTEMPT_STANDING, "reading an attempt" = attempt_standing!();
    ATTEMPT_RENEW, "renewing a lease" = "update attempt set renewals = renewals + 1 where trial_id = $1 and number = $2 \
        and ended_at is null";
    ATTEMPT_ADVANCE, "advancing an attempt" = "update attempt set renewals = renewals + 1, acknowledged_seq = $3, facts = $4 \
        where trial_id = $1 and number = $2";
    ATTEMPT_END, "ending an attempt" = "update attempt set ended_at = $3, outcome = $4, reason = $5, exit_code = $6, \
        signal = $7 where trial_id = $1 and number = $2";
    ATTEMPTS_OF_TRIAL, "reading a trial" = "select a.number, a.claimed_at, a.ended_at, a.outcome, a.reason, a.facts, \
        a.resume_step, g.name as agent from attempt a join agent g on g.id = a.agent_id where a.trial_id = $1 order by a.number";
    ATTEMPTS_OF_SWEEP, "reading attempts" = "select t.number as trial, a.number, g.name as agent, a.claimed_at, a.ended_at, \
        a.outcome, a.reason, a.facts from trial t join attempt a on a.trial_id = t.id join agent g on g.id = a.agent_id \
        where t.sweep_id = $1 and t.changed > $2 order by a.claimed_at desc, t.number desc, a.number desc limit $3";
    ATTEMPTS_PAST, "reading a trial's past" = concat!("select a.agent_id, a.outcome, ", got_on!(), "from attempt a \
        where a.trial_id = $1 and a.outcome is not null order by a.number");
    GOT_ON, "reading an attempt" = concat!("select ", got_on!(), "from attempt a where a.trial_id = $1 and a.number = $2");
    ATTEMPTS_LIVE, "reading leases" = "select trial_id, number, renewals, lease_ms from attempt where ended_at is null";

    BATCH_INSERT, "storing a batch" = "insert into batch (trial_id, attempt, first_seq, last_seq, points, logs) \
        values ($1, $2, $3, $4, $5, $6)";
    BATCH_POINTS, "reading curves" = "select attempt, points from batch where trial_id = $1 and points is not null \
        order by attempt, first_seq";
    BATCH_POINTS_OF_SWEEP, "reading curves" = "select t.number, b.attempt, b.points from trial t join batch b on b.trial_id = t.id \
        where t.sweep_id = $1 and t.number between $2 and $3 and b.points is not null order by t.number, b.attempt, b.first_seq";
    RESUMES_OF_SWEEP, "reading curves" = "select t.number, a.number as attempt, a.resume_step from trial t \
        join attempt a on a.trial_id = t.id where t.sweep_id = $1 and t.number between $2 and $3 and t.attempt > 1 \
        and a.number > 1 order by t.number, a.number";
    BATCH_LOGS, "reading logs" = "select logs from batch where trial_id = $1 and attempt = $2 and logs is not null and last_seq > $3 \
        order by first_seq desc";

    CHECKPOINT_INSERT, "storing a record" = "insert into checkpoint (trial_id, attempt, seq, step, epoch, path, metrics, \
        resume) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    CHECKPOINTS_OF_TRIAL, "reading a trial" = "select attempt, seq, step, epoch, path, metrics, resume, stored_at is not null as stored from checkpoint where trial_id = $1 \
        order by attempt, seq";
    FILES_OF_TRIAL, "reading a trial" = "select attempt, seq, name, sha256, size from checkpoint_file where trial_id = $1 \
        order by attempt, seq, place";
    RESUMED_FROM, "reading an attempt" = "select resume_attempt, resume_seq, resume_step from attempt \
        where trial_id = $1 and number = $2";
    CHECKPOINT_KNOWN, "finding a checkpoint" = "select step from checkpoint where trial_id = $1 and attempt = $2 and seq = $3";
    CHECKPOINT_STORED, "storing a checkpoint" = "update checkpoint set stored_at = $4 where trial_id = $1 and attempt = $2 \
        and seq = $3 and stored_at is null";
    CHECKPOINT_FILE_INSERT, "storing a checkpoint" = "insert into checkpoint_file (trial_id, attempt, seq, name, sha256, size, \
        place) values ($1, $2, $3, $4, $5, $6, $7) on conflict (trial_id, attempt, seq, name) do nothing";
    CHECKPOINT_FILES, "reading a checkpoint" = "select name, sha256, size from checkpoint_file where trial_id = $1 \
        and attempt = $2 and seq = $3 order by place";
    // In the order of their hashes, so that none waits for another in a circle.
    CHECKPOINT_ORPHANS, "letting go of a checkpoint" = "insert into orphan_file (sha256, keep_until) \
        select distinct sha256, cast($4 as bigint) from checkpoint_file where trial_id = $1 and attempt = $2 and seq = $3 \
        order by sha256 on conflict (sha256) do update set keep_until = excluded.keep_until \
        where orphan_file.keep_until < excluded.keep_until";
    CHECKPOINT_FILES_DELETE, "letting go of a checkpoint" = "delete from checkpoint_file where trial_id = $1 \
        and attempt = $2 and seq = $3";
    CHECKPOINT_UNSTORED, "letting go of a checkpoint" = "update checkpoint set stored_at = null where trial_id = $1 \
        and attempt = $2 and seq = $3";
    CHECKPOINTS_STORED, "reading checkpoints" = concat!("select c.attempt, c.seq, c.step, c.resume, c.metrics, ",
        checkpoint_size!(), "from checkpoint c where c.trial_id = $1 and c.stored_at is not null \
        order by c.step, c.attempt, c.seq");
    MODELS_STORED, "reading models" = concat!("select c.trial_id, c.attempt, c.seq, t.number, t.objective, ",
        checkpoint_size!(), "from trial t join checkpoint c on c.trial_id = t.id where t.sweep_id = $1 \
        and c.stored_at is not null and not c.resume order by t.number, c.attempt, c.seq");
    FILE_WANT, "announcing a file" = "insert into orphan_file (sha256, keep_until) values ($1, $2) \
        on conflict (sha256) do update set keep_until = excluded.keep_until where not orphan_file.removing";
    FILE_ADOPT, "pointing to a file" = "delete from orphan_file where sha256 = $1 and not removing";
    FILE_POINTED_TO, "pointing to a file" = "select sha256 from checkpoint_file where sha256 = $1 \
        union all select sha256 from model_file where sha256 = $1 limit 1";
    ORPHANS_TAKE, "finding orphans" = "update orphan_file set removing = true where removing or (keep_until <= $1 and not exists \
        (select 1 from checkpoint_file f where f.sha256 = orphan_file.sha256) and not exists \
        (select 1 from model_file f where f.sha256 = orphan_file.sha256)) returning sha256";
    ORPHAN_FORGET, "forgetting an orphan" = "delete from orphan_file where sha256 = $1 and removing";
    MODEL_INSERT, "promoting a model" = "insert into model (id, name, trial_id, attempt, seq, promoted_at) \
        values ($1, $2, $3, $4, $5, $6) on conflict (name) do nothing";
    MODEL_FILE_INSERT, "promoting a model" = "insert into model_file (model_id, name, sha256, size, place) \
        values ($1, $2, $3, $4, $5)";
    MODEL_RENEW, "promoting a model" = "update model set promoted_at = $2 where id = $1";
    MODEL_ORPHANS, "removing a model" = "insert into orphan_file (sha256, keep_until) \
        select distinct sha256, cast($2 as bigint) from model_file where model_id = $1 \
        order by sha256 on conflict (sha256) do update set keep_until = excluded.keep_until \
        where orphan_file.keep_until < excluded.keep_until";
    MODEL_FILES_DELETE, "removing a model" = "delete from model_file where model_id = $1";
    MODEL_DELETE, "removing a model" = "delete from model where id = $1";
    MODELS, "listing models" = concat!(model_columns!(), "order by m.promoted_at desc, m.id desc");
    MODEL_BY_NAME, "reading a model" = concat!(model_columns!(), "where m.name = $1");
    MODEL_FILES, "reading a model" = "select name, sha256, size from model_file where model_id = $1 order by place";
    MEDIA_INSERT, "storing a record" = "insert into media (trial_id, attempt, seq, name, step, value) \
        values ($1, $2, $3, $4, $5, $6)";
    MEDIA_OF_TRIAL, "reading a trial" = "select name, step, value from media where trial_id = $1 order by attempt, seq";
    MEDIA_NEWEST, "reading a record" = "select t.number, m.name, m.step, m.value from trial t join media m on m.trial_id = t.id \
        where t.sweep_id = $1 and m.name = $2 order by t.number desc, m.attempt desc, m.seq desc limit 1";

    SWEEP_ACCOUNT, "judging a sweep" = "update sweep set account = $2 where id = $1";
    SWEEPS_RULED, "judging sweeps" = "select id from sweep where stops is not null and ended_at is null order by id";
    CLAIMED_AT, "judging a sweep" = "select a.claimed_at from trial t join attempt a on a.trial_id = t.id and a.number = t.attempt \
        where t.sweep_id = $1 and t.state in ('leased', 'running') and a.ended_at is null";
    JUDGED, "judging a trial" = "select judged from trial where id = $1";
    TRIAL_JUDGED, "judging a trial" = "update trial set judged = $2 where id = $1";
    TRIALS_PAUSED, "looking for held trials" = "select id, number, judged from trial where sweep_id = $1 and state = 'paused'";
    TRIAL_PROMOTE, "letting a trial go on" = "update trial set state = 'queued', reason = $2, judged = $3, pause_ms = 0, \
        changed = $4 where id = $1 and state = 'paused'";
    TRIALS_STOP_PAUSED, "stopping held trials" = "update trial set state = 'stopped_early', finished_at = $2, changed = $3 \
        where sweep_id = $1 and state = 'paused'";
    JUDGEMENT_LAST, "judging a trial" = "select coalesce(max(number), 0) as number from judgement where sweep_id = $1";
    JUDGEMENT_INSERT, "judging a trial" = "insert into judgement (sweep_id, number, trial, events, verdict) \
        values ($1, $2, $3, $4, $5)";
    JUDGEMENTS, "reading judgements" = "select number, trial, events, verdict from judgement where sweep_id = $1 order by number";
    JUDGEMENTS_OF, "judging a trial" = "select number, trial, events, verdict from judgement where sweep_id = $1 and trial = $2 \
        order by number";
    RUNG_ENTRIES, "judging a trial" = "select bracket, rung, trial, value, passed from rung_entry where sweep_id = $1";
    RUNG_ENTRIES_AT, "judging a trial" = "select bracket, rung, trial, value, passed from rung_entry where sweep_id = $1 \
        and bracket = $2 and rung = $3";
    RUNG_ENTER, "judging a trial" = "insert into rung_entry (sweep_id, bracket, rung, trial, value, passed) \
        values ($1, $2, $3, $4, $5, $6) on conflict (sweep_id, bracket, rung, trial) do update set value = excluded.value, \
        passed = excluded.passed";
    RUNGS_LEAVE, "judging a trial" = "delete from rung_entry where sweep_id = $1 and trial = $2";
}

// Where transactions run beside each other. `no key` leaves the row free for the foreign keys of new rows.
statements! { LOCKING:
    SWEEP_LOCK_SHARED, "locking a sweep" = "select id from sweep where id = $1 for share";
    SWEEP_LOCK_EXCLUSIVE, "locking a sweep" = "select id from sweep where id = $1 for no key update";
    // Rows that other claims hold are passed over: each gets another trial, and nobody waits.
    TRIAL_NEXT_LOCKED, "claiming a trial" = concat!(trial_next!(), " for no key update skip locked");
    ATTEMPT_STANDING_LOCKED, "reading an attempt" = concat!(attempt_standing!(), " for no key update of t, a");
    AGENT_STANDING_LOCKED, "reading an agent" = concat!(agent_standing!(), " for no key update");
}
