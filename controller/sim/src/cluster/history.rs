//! What happened in a simulated cluster, in its order; and what in it must not have happened.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sweep_core::fault::End;
use sweep_core::lease::Lease;
use sweep_store::{Assignment, AttemptKey, Finished, Reported};
use tokio::time::Instant;
use uuid::Uuid;

/// Places in [`crate::judge::INVARIANTS`].
pub(super) const ONE_ATTEMPT: usize = 0;
pub(super) const NOTHING_LOST: usize = 1;
pub(super) const COMES_TO_AN_END: usize = 3;
pub(super) const ONE_PROGRAM: usize = 6;

/// A clone is a handle.
#[derive(Clone)]
pub(super) struct History(Arc<Mutex<State>>);

struct State {
    begun: Instant,
    /// Whether what happens is printed at once.
    aloud: bool,
    log: Vec<String>,
    violations: Vec<(usize, String)>,
    trials: BTreeMap<Uuid, Course>,
    /// What each request to claim got.
    granted: BTreeMap<Uuid, AttemptKey>,
    /// Attempts that ended, and how.
    ends: BTreeMap<(Uuid, u32), End>,
    /// When each attempt was last heard of, as far as the store knows.
    heard: BTreeMap<(Uuid, u32), Instant>,
}

/// How far a trial got.
struct Course {
    number: u64,
    attempt: u32,
}

impl State {
    fn violation(&mut self, invariant: usize, what: String) {
        self.say("judge", format_args!("VIOLATION of I{}: {what}", invariant + 1));
        self.violations.push((invariant, what));
    }

    fn say(&mut self, who: &str, what: fmt::Arguments<'_>) {
        let at = self.begun.elapsed().as_secs_f64();
        let line = format!("{at:>10.3} {who}: {what}");
        if self.aloud {
            // A log that nobody reads any more is no reason to stop.
            let _closed = crate::print(&format!("{line}\n"));
        }
        self.log.push(line);
    }

    /// An attempt by its trial's number: ids differ from run to run, numbers do not.
    fn name(&self, key: AttemptKey) -> String {
        let number = self.trials.get(&key.trial).map_or(0, |course| course.number);
        format!("trial {number}.{}", key.attempt)
    }

    /// Whether an attempt is its trial's last and has not ended.
    fn is_current(&self, key: AttemptKey) -> bool {
        self.trials.get(&key.trial).is_some_and(|course| course.attempt == key.attempt)
            && !self.ends.contains_key(&(key.trial, key.attempt))
    }

    fn must_be_current(&mut self, key: AttemptKey, what: &str) {
        if !self.is_current(key) {
            let name = self.name(key);
            self.violation(ONE_ATTEMPT, format!("{what} of {name} was taken, which is over"));
        }
    }
}

impl History {
    pub(super) fn new(aloud: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            begun: Instant::now(),
            aloud,
            log: Vec::new(),
            violations: Vec::new(),
            trials: BTreeMap::new(),
            granted: BTreeMap::new(),
            ends: BTreeMap::new(),
            heard: BTreeMap::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn say(&self, who: &str, what: fmt::Arguments<'_>) {
        self.lock().say(who, what);
    }

    /// Something that must not be.
    pub(super) fn violation(&self, invariant: usize, what: String) {
        self.lock().violation(invariant, what);
    }

    /// All of it, and what was wrong.
    pub(super) fn end(&self) -> (Vec<String>, Vec<(usize, String)>) {
        let mut state = self.lock();
        (std::mem::take(&mut state.log), std::mem::take(&mut state.violations))
    }

    /// How long it has been so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.lock().begun.elapsed()
    }

    /// Proposals were stored.
    pub(super) fn proposed(&self, who: &str, trials: &[(Uuid, u64)]) {
        let mut state = self.lock();
        for &(trial, number) in trials {
            state.trials.insert(trial, Course { number, attempt: 0 });
        }
        let numbers: Vec<u64> = trials.iter().map(|(_, number)| *number).collect();
        state.say(who, format_args!("proposed {numbers:?}"));
    }

    /// A trial was handed out.
    pub(super) fn granted(&self, who: &str, request: Uuid, given: &Assignment) {
        let mut state = self.lock();
        let key = AttemptKey { trial: given.trial, attempt: given.attempt };
        let name = state.name(key);
        match state.granted.get(&request) {
            Some(before) if *before == key => {
                state.say(who, format_args!("granted {name} once more"));
                return;
            }
            Some(_) => state.violation(ONE_ATTEMPT, format!("a request got {name} after another trial")),
            None => {}
        }
        let last = state.trials.get(&key.trial).map_or(0, |course| course.attempt);
        let is_free = last == 0 || state.ends.contains_key(&(key.trial, last));
        if !is_free || key.attempt != last + 1 {
            state.violation(ONE_ATTEMPT, format!("{name} was granted beside attempt {last}"));
        }
        if let Some(course) = state.trials.get_mut(&key.trial) {
            course.attempt = key.attempt;
        }
        state.granted.insert(request, key);
        state.heard.insert((key.trial, key.attempt), Instant::now());
        let from = given.resume.as_ref().map_or(0, |resume| resume.step);
        state.say(who, format_args!("granted {name} from step {from}"));
    }

    /// Events were taken.
    pub(super) fn reported(&self, who: &str, key: AttemptKey, first: u64, told: &Reported) {
        let mut state = self.lock();
        state.must_be_current(key, "a report");
        state.heard.insert((key.trial, key.attempt), Instant::now());
        let name = state.name(key);
        state.say(who, format_args!("events of {name} from {first}: has {}", told.acknowledged));
    }

    /// A checkpoint was taken.
    pub(super) fn stored(&self, who: &str, key: AttemptKey, seq: u64) {
        let mut state = self.lock();
        state.must_be_current(key, "a checkpoint");
        state.heard.insert((key.trial, key.attempt), Instant::now());
        let name = state.name(key);
        state.say(who, format_args!("checkpoint {seq} of {name}"));
    }

    /// Leases were renewed, those that could be.
    pub(super) fn renewed(&self, keys: &[AttemptKey]) {
        let mut state = self.lock();
        for key in keys {
            state.heard.insert((key.trial, key.attempt), Instant::now());
        }
    }

    /// An attempt ended.
    pub(super) fn ended(&self, who: &str, key: AttemptKey, end: End, told: &Finished) {
        let mut state = self.lock();
        let name = state.name(key);
        if state.ends.get(&(key.trial, key.attempt)) == Some(&end) {
            state.say(who, format_args!("{name} {} once more", end.word()));
            return;
        }
        state.must_be_current(key, "an end");
        state.ends.insert((key.trial, key.attempt), end);
        let pause = told.pause.as_secs();
        state.say(who, format_args!("{name} {}; the trial is {} (pause {pause} s)", end.word(), told.state));
    }

    /// A lease was taken away.
    pub(super) fn expired(&self, who: &str, lease: &Lease<AttemptKey>, told: &Finished) {
        {
            let mut state = self.lock();
            let silent = state.heard.get(&(lease.key.trial, lease.key.attempt)).map(Instant::elapsed);
            if silent.is_none_or(|silent| silent < lease.length) {
                let name = state.name(lease.key);
                let what = format!("the lease of {name} was taken {silent:?} after a word of its agent");
                state.violation(COMES_TO_AN_END, what);
            }
        }
        self.ended(who, lease.key, End::AgentLost, told);
    }

    /// An attempt by its trial's number.
    pub(super) fn name(&self, key: AttemptKey) -> String {
        self.lock().name(key)
    }
}
