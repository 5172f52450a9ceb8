//! The use cases. Services call them with checked arguments; they call core to decide and the store to keep.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::seq::IndexedRandom as _;
use sweep_core::spec::{self, NonFinite, Parsed, Severity, SweepSpec};
use sweep_core::sweep::{Extension, SweepEvent, SweepState};
use sweep_store::{
    AttemptKey, Awaited, Claim, Claimed, Event, Finish, Finished, NewSweep, Objective, Reported, Retry,
    Standing, Store, StoreError, Sweep, Trial, TrialName,
};
use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::Clock;
use crate::door::{Door, Nothing};
use crate::files::Keeping;
use crate::models::Descriptions;
use crate::planner::Wakeup;
use crate::predict::Way;
use crate::predictors::Predictors;
use crate::samples::Samples;

/// The longest a call is held open.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Most pictures that are on their way to predictors at one time.
const PICTURES: usize = 64;

/// What the use cases share. A clone is a handle.
#[derive(Clone)]
pub struct App {
    pub(crate) store: Arc<dyn Store>,
    /// How long a trial stays with a silent agent.
    pub(crate) lease: Duration,
    /// Sweeps whose queues may need filling.
    pub(crate) planner: Arc<Wakeup>,
    /// Parsed sweep files by sweep id. A file never changes, so an entry is never wrong.
    specs: Arc<Mutex<HashMap<String, Arc<SweepSpec>>>>,
    /// Where claims wait, by sweep id.
    doors: Arc<Mutex<HashMap<String, Arc<Door>>>>,
    /// Where files of checkpoints are kept, if they are.
    pub(crate) keeping: Option<Arc<Keeping>>,
    pub(crate) clock: Clock,
    /// Who answers with models.
    pub(crate) predictors: Arc<Mutex<Predictors>>,
    pub(crate) way: Way,
    /// What descriptions of models say.
    pub(crate) descriptions: Descriptions,
    /// Places for pictures that are on their way.
    pub(crate) pictures: Arc<Semaphore>,
    pub(crate) samples: Samples,
    /// Attempts whose agents were heard of when the store could not note it.
    unnoted: Arc<Mutex<HashSet<AttemptKey>>>,
    /// Whether everything is done in the thread that asks for it.
    pub(crate) one_thread: bool,
    /// Ends every call that is held open.
    pub(crate) stop: CancellationToken,
}

/// Why a sweep was not created.
#[derive(Debug, Error)]
pub enum CreateError {
    /// Every error of the file, rendered.
    #[error("{0}")]
    Invalid(String),
    /// Nothing can be taken of an earlier sweep that the file names.
    #[error("warm_start: {0}")]
    WarmStart(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sweep file as somebody wants it run.
#[derive(Debug)]
pub struct Creation {
    pub text: String,
    pub request_id: Uuid,
    /// Overrides the file's name unless empty.
    pub name: String,
    /// Overrides the file's project unless empty.
    pub project: String,
    /// For messages.
    pub file_name: String,
}

/// The answer to a claim.
#[derive(Debug)]
pub enum Granted {
    Trial { assignment: Box<sweep_store::Assignment>, spec: Arc<SweepSpec> },
    Idle { state: SweepState, reason: String },
    Over { state: SweepState, reason: String },
}

/// What a claim found.
enum Looked {
    Granted(Box<sweep_store::Assignment>),
    Nothing { nothing: Nothing, benched: bool },
}

impl App {
    /// A server over a store. `lease`: how long a trial stays with a silent agent.
    pub fn new(store: Arc<dyn Store>, lease: Duration) -> Self {
        Self {
            store,
            lease,
            planner: Arc::default(),
            specs: Arc::default(),
            doors: Arc::default(),
            keeping: None,
            clock: Clock::default(),
            predictors: Arc::default(),
            way: Way::default(),
            descriptions: Descriptions::default(),
            pictures: Arc::new(Semaphore::new(PICTURES)),
            samples: Samples::default(),
            unnoted: Arc::default(),
            one_thread: false,
            stop: CancellationToken::new(),
        }
    }

    /// The same server, with a place for files of checkpoints.
    #[must_use]
    pub fn with_files(self, keeping: Keeping) -> Self {
        Self { keeping: Some(Arc::new(keeping)), ..self }
    }

    /// The same server, with samples of a folder.
    #[must_use]
    pub fn with_samples(self, samples: Samples) -> Self {
        Self { samples, ..self }
    }

    /// The same server, by another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The same server, without threads of its own for what takes long: a simulated cluster has one, so that what it does
    /// is a function of its seed.
    #[must_use]
    pub fn in_one_thread(self) -> Self {
        Self { one_thread: true, ..self }
    }

    /// Creates a sweep from its file; also every warning about it, rendered.
    pub(crate) async fn create(&self, creation: Creation) -> Result<(Sweep, Vec<String>), CreateError> {
        let Creation { text, request_id, name, project, file_name } = creation;
        let Parsed { spec, problems } = spec::parse(&text);
        let rendered = |severity| -> Vec<String> {
            problems
                .iter()
                .filter(|problem| problem.severity == severity)
                .map(|problem| problem.render(&file_name, &text))
                .collect()
        };
        let spec = spec.ok_or_else(|| CreateError::Invalid(rendered(Severity::Error).join("\n\n")))?;
        let mut warnings = rendered(Severity::Warning);
        let (prior, said) = crate::prior::gather(self, &spec).await?;
        warnings.extend(said);
        let fails_non_finite = spec.objectives().iter().any(|metric| metric.non_finite == NonFinite::Fail);
        let objective = |metric: &spec::Metric| Objective { name: metric.name.clone(), goal: metric.goal };
        let new = NewSweep {
            id: new_sweep_id(),
            request_id,
            name: if name.is_empty() { spec.name.clone() } else { name },
            project: if project.is_empty() { spec.project.clone() } else { project },
            description: spec.description.clone(),
            method: spec.method.word().to_owned(),
            objective: spec.metric.as_ref().map(objective),
            objectives: spec.metrics.iter().map(objective).collect(),
            // Recorded, so that a sweep without a seed can be replayed as well.
            seed: spec.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
            planned_trials: spec.planned_trials(),
            retries: spec.limits.retries,
            infrastructure_retries: spec.limits.infrastructure_retries,
            fails_non_finite,
            max_parallel: spec.limits.max_parallel,
            stops: spec.stops(),
            prior,
            text,
            created_at_ms: self.clock.now_ms(),
        };
        let sweep = self.store.sweep_create(new).await?;
        self.planner.wake(&sweep.id);
        Ok((sweep, warnings))
    }

    /// A person's verb.
    pub(crate) async fn change(&self, name: &str, event: SweepEvent) -> Result<Sweep, StoreError> {
        let id = self.store.sweep_find(name).await?.id;
        let sweep = self.store.sweep_change(&id, event, self.clock.now_ms()).await?;
        self.planner.wake(&id);
        self.store.attend(Awaited::Trial);
        self.store.attend(Awaited::Verdict);
        Ok(sweep)
    }

    /// Raises the most trials of a sweep.
    pub(crate) async fn extend(&self, name: &str, by: Extension) -> Result<Sweep, StoreError> {
        let id = self.store.sweep_find(name).await?.id;
        let spec = self.spec(&id).await?;
        // A grid with constraints is walked to be counted.
        let points = tokio::task::spawn_blocking(move || spec.points());
        let points = points.await.map_err(|cause| StoreError::Corrupt { what: cause.to_string() })?;
        let sweep = self.store.sweep_extend(&id, by, points, self.clock.now_ms()).await?;
        self.planner.wake(&id);
        self.store.attend(Awaited::Trial);
        Ok(sweep)
    }

    /// Queues trials that are over again; their numbers.
    pub(crate) async fn retry(&self, name: &str, which: Retry) -> Result<(Sweep, Vec<u64>), StoreError> {
        let id = self.store.sweep_find(name).await?.id;
        let retried = self.store.trials_retry(&id, which, self.clock.now_ms()).await?;
        self.store.attend(Awaited::Trial);
        Ok(retried)
    }

    /// Stops one trial.
    pub(crate) async fn stop_trial(&self, name: &TrialName) -> Result<Trial, StoreError> {
        let trial = self.store.trial_stop(name, self.clock.now_ms()).await?;
        self.planner.wake(&trial.sweep_id);
        self.store.attend(Awaited::Trial);
        self.store.attend(Awaited::Verdict);
        Ok(trial)
    }

    /// The id of a sweep by what it is called. One that was met before by its whole id costs no question.
    pub(crate) async fn sweep_id(&self, name: &str) -> Result<String, StoreError> {
        if self.specs.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name) {
            return Ok(name.to_owned());
        }
        Ok(self.store.sweep_find(name).await?.id)
    }

    /// The parsed file of a sweep.
    pub(crate) async fn spec(&self, sweep: &str) -> Result<Arc<SweepSpec>, StoreError> {
        if let Some(spec) = self.specs.lock().unwrap_or_else(PoisonError::into_inner).get(sweep) {
            return Ok(Arc::clone(spec));
        }
        let stored = self.store.sweep_find(sweep).await?;
        let mut spec = spec::parse(&stored.text).spec.ok_or_else(|| StoreError::Corrupt {
            what: format!("the file of sweep {sweep} is no longer understood"),
        })?;
        // Given at creation, they go before the file's.
        (spec.name, spec.project) = (stored.name, stored.project);
        let spec = Arc::new(spec);
        self.specs.lock().unwrap_or_else(PoisonError::into_inner).insert(stored.id, Arc::clone(&spec));
        Ok(spec)
    }

    /// A trial for an agent; waits up to `wait` for one.
    pub(crate) async fn claim(&self, claim: Claim, wait: Duration) -> Result<Granted, StoreError> {
        let spec = self.spec(&claim.sweep).await?;
        let door = self.door(&claim.sweep);
        let deadline = Instant::now() + wait.min(LONGEST_WAIT);
        // Subscribed before looking: what happens in between is not missed.
        let mut attention = self.store.attention(Awaited::Trial);
        let mut looked = false;
        loop {
            let (Nothing { state, reason }, benched) =
                match self.look(&claim, &door, &mut attention, looked).await? {
                    Looked::Granted(assignment) => return Ok(Granted::Trial { assignment, spec }),
                    Looked::Nothing { nothing, benched } => (nothing, benched),
                };
            // It counts as waiting from when it found nothing until it looks again, so that nobody proposes for a claim that
            // was served meanwhile. Who would get none anyway is nobody to propose for.
            let _waiting = (!benched).then(|| door.wait());
            if !benched && spec.method.needs_history() {
                self.planner.wake(&claim.sweep);
            }
            if state.is_over() {
                return Ok(Granted::Over { state, reason });
            }
            looked = true;
            tokio::select! {
                // In order here and elsewhere, for simulated clusters.
                biased;
                () = self.stop.cancelled() => return Ok(Granted::Idle { state, reason }),
                () = tokio::time::sleep_until(deadline) => return Ok(Granted::Idle { state, reason }),
                _ = attention.changed() => {}
            }
        }
    }

    /// Looks for a trial in turn, unless another claim found meanwhile that there is none. A claim's first look, before it
    /// `looked`, is made in any case: its request may have been granted already.
    async fn look(
        &self,
        claim: &Claim,
        door: &Door,
        attention: &mut watch::Receiver<u64>,
        looked: bool,
    ) -> Result<Looked, StoreError> {
        let _place = door.enter().await;
        let heard = *attention.borrow_and_update();
        if looked && let Some(nothing) = door.nothing(heard) {
            return Ok(Looked::Nothing { nothing, benched: false });
        }
        match self.store.trial_claim(claim.clone(), self.clock.now_ms()).await? {
            Claimed::Granted(assignment) => {
                self.planner.wake(&claim.sweep);
                Ok(Looked::Granted(assignment))
            }
            Claimed::Nothing { state, reason, exhausted, benched } => {
                if !exhausted && !benched && !state.is_over() {
                    self.planner.wake(&claim.sweep);
                }
                let nothing = Nothing { state, reason };
                if !benched {
                    door.found_nothing(heard, nothing.clone());
                }
                Ok(Looked::Nothing { nothing, benched })
            }
        }
    }

    /// Where the claims of a sweep wait.
    pub(crate) fn door(&self, sweep: &str) -> Arc<Door> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(doors.entry(sweep.to_owned()).or_default())
    }

    /// Renews leases; holds the call while there is nothing to say, up to `wait`.
    pub(crate) async fn heartbeat(
        &self,
        held: Vec<AttemptKey>,
        wait: Duration,
    ) -> Result<Vec<Reported>, StoreError> {
        let deadline = Instant::now() + wait.min(LONGEST_WAIT);
        let mut attention = self.store.attention(Awaited::Verdict);
        loop {
            attention.mark_unchanged();
            let answers = self.noted(&held, self.store.attempts_renew(held.clone()).await)?;
            if wait.is_zero() || answers.iter().any(|answer| answer.standing != Standing::GoOn) {
                return Ok(answers);
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(answers),
                () = tokio::time::sleep_until(deadline) => return Ok(answers),
                _ = attention.changed() => {}
            }
        }
    }

    /// Stores what an attempt tells.
    pub(crate) async fn report(
        &self,
        key: AttemptKey,
        first_seq: u64,
        events: Vec<Event>,
    ) -> Result<Reported, StoreError> {
        let stored = self.store.attempt_report(key, first_seq, events, self.clock.now_ms()).await;
        let reported = self.noted(&[key], stored)?;
        if reported.frees {
            self.store.attend(Awaited::Trial);
        }
        Ok(reported)
    }

    /// What a word of attempts' agents came to. One that the store could not note is remembered for the reaper: it is no
    /// fault of theirs.
    pub(crate) fn noted<T>(
        &self,
        keys: &[AttemptKey],
        noted: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if noted.as_ref().is_err_and(StoreError::is_the_stores) {
            self.unnoted.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
        }
        noted
    }

    /// Attempts that were heard of in vain since this was asked last.
    pub(crate) fn take_unnoted(&self) -> HashSet<AttemptKey> {
        std::mem::take(&mut self.unnoted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends an attempt.
    pub(crate) async fn finish(&self, finish: Finish) -> Result<Finished, StoreError> {
        let key = finish.key;
        let finished = self.noted(&[key], self.store.attempt_finish(finish, self.clock.now_ms()).await)?;
        self.settled(&finished);
        Ok(finished)
    }

    /// A trial moved: the queue may have grown, or the sweep may be over.
    pub(crate) fn settled(&self, finished: &Finished) {
        if finished.frees {
            self.store.attend(Awaited::Trial);
        }
        if !finished.pause.is_zero() {
            // Claims that are held open look again when the pause is over; a restart costs them one more question.
            let (app, pause) = (self.clone(), finished.pause);
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = app.stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => app.store.attend(Awaited::Trial),
                }
            });
        }
        self.planner.wake(&finished.sweep);
    }
}

/// Eight lower-case letters and digits, as W&B's.
fn new_sweep_id() -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..8).map(|_| char::from(*LETTERS.choose(&mut rng).unwrap_or(&b'x'))).collect()
}
