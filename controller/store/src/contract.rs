//! The behaviours every backend has, as tests over `dyn Store`.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sweep_core::objective::Goal;
use sweep_core::sweep::{SweepEvent, SweepState};
use sweep_core::trial::{Outcome, TrialState};
use sweep_core::value::Params;
use uuid::Uuid;

use crate::backend::{Backend, Haste, Job};
use crate::*;

/// Hands the names of all cases to another macro.
macro_rules! cases {
    ($with:path $(, $($given:tt)*)?) => {
        $with! { $($($given)*;)?
            a_creation_sent_twice_is_one_sweep
            sweeps_are_found_by_prefix
            the_queue_takes_proposals_once
            planners_at_one_time_queue_one_plan
            claims_are_idempotent_and_distinct
            concurrent_claims_never_share_a_trial
            one_request_at_one_time_is_one_grant
            concurrent_claims_never_pass_max_parallel
            concurrent_last_ends_finish_the_sweep
            cancels_beside_claims_leave_nothing_queued
            reports_in_any_portions_are_stored_once
            concurrent_resends_are_stored_once
            a_gap_is_refused_with_the_last_stored
            a_stale_attempt_cannot_write
            ends_move_trials_and_sweeps
            the_same_end_twice_is_one_end
            an_expired_lease_is_granted_again
            a_renewed_lease_does_not_expire
            a_renewal_beside_an_expiry_has_one_winner
            a_new_attempt_hides_the_curve_of_the_old
            cancel_reaches_running_attempts_and_withdraws_the_queue
            stop_withdraws_the_queue_and_lets_trials_finish
            a_paused_sweep_hands_nothing_out
            nothing_but_failures_pauses_a_sweep
            a_program_that_failed_is_run_again_within_its_retries
            no_more_trials_are_held_than_max_parallel
            a_trial_pauses_before_it_is_run_again
            a_clock_set_back_ends_a_pause
            programs_and_machines_have_budgets_of_their_own
            a_trial_that_takes_agents_down_fails_with_that_reason
            a_machine_that_fails_in_a_row_is_benched_and_comes_back
            ends_of_other_slots_neither_lift_nor_double_a_bench
            a_success_lifts_a_bench
            an_agent_on_which_every_program_fails_is_benched
            a_trial_without_a_finite_objective_fails_where_asked
            a_trial_goes_on_from_its_newest_stored_checkpoint
            a_trial_without_a_stored_checkpoint_begins_again
            only_the_current_attempt_stores_what_it_reported
            newer_checkpoints_displace_older_and_orphan_their_files
            an_orphan_that_is_needed_again_is_none
            a_finished_trial_keeps_its_best_model_only
            a_cap_lets_go_of_the_worst_trials_models
            a_trial_that_gets_on_is_moved_as_often_as_it_takes
            non_finite_objectives_never_count
            watchers_see_each_change_once
            whoever_waits_is_woken
            top_lists_the_best_first
            logs_come_back_in_order
            records_come_back
            odd_characters_are_no_failure
        }
    };
}
pub(crate) use cases;

/// Instantiates the suite for a backend: `store_contract!(make())`, where `make` gives a guard and an empty store.
macro_rules! store_contract {
    ($make:expr) => {
        crate::contract::cases!(crate::contract::store_contract, $make);

        #[tokio::test]
        async fn a_failed_job_leaves_nothing_behind() {
            let (_guard, store) = $make.await;
            crate::contract::a_failed_job_leaves_nothing_behind(&store).await;
        }
    };
    ($make:expr; $($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (_guard, store) = $make.await;
            crate::contract::$name(std::sync::Arc::new(store)).await;
        })*
    };
}
pub(crate) use store_contract;

mod checkpoints;
mod faults;
pub(crate) use checkpoints::*;
pub(crate) use faults::*;

type Any = Arc<dyn Store>;

pub(crate) const NOW: i64 = 1_700_000_000_000;

pub(crate) fn new_sweep(name: &str, planned: Option<u64>) -> NewSweep {
    let id: String = Uuid::now_v7().simple().to_string().chars().rev().take(8).collect();
    NewSweep {
        id,
        request_id: Uuid::now_v7(),
        name: name.to_owned(),
        project: "faces".to_owned(),
        description: String::new(),
        method: "random".to_owned(),
        objective: Some(Objective { name: "f1".to_owned(), goal: Goal::Maximize }),
        seed: u64::MAX - 3,
        planned_trials: planned,
        retries: 0,
        infrastructure_retries: 5,
        fails_non_finite: false,
        max_parallel: None,
        text: "method: random\n".to_owned(),
        created_at_ms: NOW,
    }
}

pub(crate) fn trial(number: u64) -> NewTrial {
    NewTrial { id: Uuid::now_v7(), number, params: Params::from([("n".to_owned(), number.into())]) }
}

/// A sweep with so many queued trials, and an agent.
pub(crate) struct Scene {
    pub(crate) store: Any,
    pub(crate) sweep: String,
    agent: Uuid,
    /// Milliseconds since the Unix epoch.
    clock: AtomicI64,
}

fn agent() -> Agent {
    Agent {
        id: Uuid::now_v7(),
        name: "box".to_owned(),
        host: "box.local".to_owned(),
        version: "0".to_owned(),
        slots: 1,
        devices: vec!["cuda:0".to_owned()],
        labels: BTreeMap::new(),
    }
}

impl Scene {
    pub(crate) async fn new(store: Any, trials: u64) -> Self {
        Self::of(store, new_sweep("scene", Some(trials)), trials).await
    }

    pub(crate) async fn of(store: Any, new: NewSweep, trials: u64) -> Self {
        let sweep = store.sweep_create(new).await.expect("creates").id;
        let queued = (1..=trials).map(trial).collect();
        assert!(store.trials_enqueue(&sweep, 0, queued, true, NOW).await.expect("queues"));
        let agent = agent();
        let id = agent.id;
        store.agent_register(agent, NOW).await.expect("registers");
        Self { store, sweep, agent: id, clock: AtomicI64::new(NOW + 1) }
    }

    fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// The same scene, through another store.
    pub(crate) fn on(&self, store: Any) -> Self {
        let clock = AtomicI64::new(self.now());
        Self { store, sweep: self.sweep.clone(), agent: self.agent, clock }
    }

    pub(crate) async fn claim_as(&self, request_id: Uuid) -> Claimed {
        let claim = Claim {
            sweep: self.sweep.clone(),
            agent: self.agent,
            request_id,
            lease: Duration::from_secs(60),
        };
        self.store.trial_claim(claim, self.now()).await.expect("claims")
    }

    pub(crate) async fn claim(&self) -> (AttemptKey, u64) {
        match self.claim_as(Uuid::now_v7()).await {
            Claimed::Granted(given) => {
                (AttemptKey { trial: given.trial, attempt: given.attempt }, given.number)
            }
            other => panic!("nothing granted: {other:?}"),
        }
    }

    pub(crate) async fn report(&self, key: AttemptKey, first_seq: u64, values: &[f64]) -> Result<Reported> {
        let events = values.iter().zip(first_seq..).map(|(&value, seq)| point(seq * 10, value)).collect();
        self.store.attempt_report(key, first_seq, events, self.now()).await
    }

    pub(crate) async fn finish(&self, key: AttemptKey, outcome: Outcome, last_seq: u64) -> Result<Finished> {
        let reason = if outcome == Outcome::Succeeded { "" } else { "because" };
        let finish =
            Finish { key, outcome, reason: reason.to_owned(), exit_code: Some(0), signal: None, last_seq };
        self.store.attempt_finish(finish, self.now()).await
    }

    async fn sweep(&self) -> Sweep {
        self.store.sweep_find(&self.sweep).await.expect("is there")
    }

    async fn trial(&self, number: u64) -> Trial {
        let name = TrialName::Number { sweep: self.sweep.clone(), number };
        self.store.trial_get(&name).await.expect("is there").trial
    }

    pub(crate) async fn curve(&self, key: AttemptKey) -> Vec<(u64, f64)> {
        let curves = self.store.curves(key.trial, &["f1".to_owned()]).await.expect("reads");
        curves.into_iter().flat_map(|(_, points)| points).map(|point| (point.step, point.value)).collect()
    }
}

fn point(step: u64, value: f64) -> Event {
    let values = BTreeMap::from([("f1".to_owned(), value), ("loss".to_owned(), -value)]);
    Event { at_ms: NOW, kind: EventKind::Metrics { step, epoch: Some(0.5), values } }
}

pub(crate) async fn a_creation_sent_twice_is_one_sweep(store: Any) {
    let new = new_sweep("twice", Some(4));
    let one = store.sweep_create(new.clone()).await.expect("creates");
    let again = NewSweep { id: "zzzzzzzz".to_owned(), ..new.clone() };
    let two = store.sweep_create(again).await.expect("answers");
    assert_eq!(one.id, two.id);
    assert_eq!(store.sweep_list().await.expect("lists").len(), 1);
    assert_eq!((one.seed, one.planned_trials, one.state), (u64::MAX - 3, Some(4), SweepState::Pending));
    assert_eq!((&*one.name, &*one.project), ("twice", "faces"));
    assert_eq!(one.text, new.text);
}

pub(crate) async fn sweeps_are_found_by_prefix(store: Any) {
    for id in ["abcd1234", "abce9999", "x0000000"] {
        store.sweep_create(NewSweep { id: id.to_owned(), ..new_sweep(id, None) }).await.expect("creates");
    }
    assert_eq!(store.sweep_find("x").await.expect("fits one").id, "x0000000");
    assert_eq!(store.sweep_find("abce").await.expect("fits one").id, "abce9999");
    let Err(StoreError::SweepAmbiguous { matches, .. }) = store.sweep_find("abc").await else {
        panic!("fits two")
    };
    assert_eq!(matches, ["abcd1234", "abce9999"]);
    for name in ["q", "", "abc%", "ABCD1234"] {
        assert!(matches!(store.sweep_find(name).await, Err(StoreError::SweepNotFound { .. })), "{name}");
    }
}

pub(crate) async fn the_queue_takes_proposals_once(store: Any) {
    let scene = Scene::new(store, 2).await;
    let late =
        scene.store.trials_enqueue(&scene.sweep, 0, vec![trial(1)], false, NOW).await.expect("answers");
    assert!(!late, "a planner that was late queued a trial again");
    assert_eq!(scene.sweep().await.counts.queued, 2);
}

pub(crate) async fn claims_are_idempotent_and_distinct(store: Any) {
    let scene = Scene::new(store, 2).await;
    let request = Uuid::now_v7();
    let given = |claimed: Claimed| match claimed {
        Claimed::Granted(given) => (given.trial, given.attempt, given.number),
        other => panic!("{other:?}"),
    };
    let first = given(scene.claim_as(request).await);
    assert_eq!(first, given(scene.claim_as(request).await));
    assert_eq!((first.1, first.2), (1, 1));
    assert_eq!(scene.claim().await.1, 2);
    let nothing = scene.claim_as(Uuid::now_v7()).await;
    assert!(
        matches!(nothing, Claimed::Nothing { state: SweepState::Running, exhausted: true, .. }),
        "{nothing:?}"
    );
    let stranger = Claim {
        sweep: scene.sweep.clone(),
        agent: Uuid::now_v7(),
        request_id: Uuid::now_v7(),
        lease: Duration::ZERO,
    };
    assert!(matches!(scene.store.trial_claim(stranger, NOW).await, Err(StoreError::AgentUnknown { .. })));
}

pub(crate) async fn concurrent_claims_never_share_a_trial(store: Any) {
    let scene = Arc::new(Scene::new(store, 100).await);
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let scene = Arc::clone(&scene);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Claimed::Granted(given) = scene.claim_as(Uuid::now_v7()).await {
                    mine.push(given.number);
                }
                mine
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("runs"));
    }
    assert_eq!(all.len(), 100);
    assert_eq!(all.into_iter().collect::<HashSet<_>>(), (1..=100).collect());
}

/// Runs so many at one time and gathers what they come to.
async fn at_once<T, F>(count: u64, work: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|at| tokio::spawn(work(at))).collect();
    let mut out = Vec::new();
    for task in tasks {
        out.push(task.await.expect("runs"));
    }
    out
}

pub(crate) async fn planners_at_one_time_queue_one_plan(store: Any) {
    let sweep = store.sweep_create(new_sweep("planned", None)).await.expect("creates").id;
    let queued = at_once(8, |_| {
        let (store, sweep) = (Arc::clone(&store), sweep.clone());
        let plan = (1..=10).map(trial).collect();
        async move { store.trials_enqueue(&sweep, 0, plan, false, NOW).await.expect("answers") }
    })
    .await;
    assert_eq!(queued.into_iter().filter(|queued| *queued).count(), 1);
    let sweep = store.sweep_find(&sweep).await.expect("is there");
    assert_eq!((sweep.counts.queued, sweep.proposed), (10, 10));
}

pub(crate) async fn one_request_at_one_time_is_one_grant(store: Any) {
    let scene = Arc::new(Scene::new(store, 8).await);
    let request = Uuid::now_v7();
    let given = at_once(8, |_| {
        let scene = Arc::clone(&scene);
        async move {
            match scene.claim_as(request).await {
                Claimed::Granted(given) => (given.trial, given.attempt),
                other => panic!("nothing granted: {other:?}"),
            }
        }
    })
    .await;
    assert!(given.iter().all(|one| *one == given[0]), "{given:?}");
    assert_eq!(scene.sweep().await.counts.active, 1);
}

pub(crate) async fn concurrent_claims_never_pass_max_parallel(store: Any) {
    let scene = Scene::of(store, NewSweep { max_parallel: Some(3), ..new_sweep("few", Some(20)) }, 20).await;
    let scene = Arc::new(scene);
    let granted = at_once(16, |_| {
        let scene = Arc::clone(&scene);
        async move { matches!(scene.claim_as(Uuid::now_v7()).await, Claimed::Granted(_)) }
    })
    .await;
    assert_eq!(granted.into_iter().filter(|granted| *granted).count(), 3);
    assert_eq!(scene.sweep().await.counts.active, 3);
}

pub(crate) async fn concurrent_last_ends_finish_the_sweep(store: Any) {
    let scene = Arc::new(Scene::new(store, 12).await);
    let mut keys = Vec::new();
    for _ in 0..12 {
        keys.push(scene.claim().await.0);
    }
    at_once(12, |at| {
        let (scene, key) = (Arc::clone(&scene), keys[at as usize]);
        async move { scene.finish(key, Outcome::Succeeded, 0).await.expect("ends") }
    })
    .await;
    let sweep = scene.sweep().await;
    assert_eq!((sweep.state, sweep.counts.finished), (SweepState::Finished, 12));
}

pub(crate) async fn cancels_beside_claims_leave_nothing_queued(store: Any) {
    let scene = Arc::new(Scene::new(store, 40).await);
    // One is handed back while the sweep is cancelled, others are claimed.
    let (back, _) = scene.claim().await;
    let claimed = at_once(10, |at| {
        let scene = Arc::clone(&scene);
        async move {
            match at {
                4 => {
                    scene.store.sweep_change(&scene.sweep, SweepEvent::Cancel, NOW).await.expect("cancels");
                    0
                }
                7 => {
                    scene.finish(back, Outcome::HandedBack, 0).await.expect("ends");
                    0
                }
                _ => u64::from(matches!(scene.claim_as(Uuid::now_v7()).await, Claimed::Granted(_))),
            }
        }
    })
    .await;
    let sweep = scene.sweep().await;
    assert_eq!((sweep.state, sweep.counts.queued), (SweepState::Cancelled, 0), "{sweep:?}");
    // The one handed back may have been claimed again before the cancel.
    let held = claimed.into_iter().sum::<u64>();
    assert_eq!(sweep.counts.active, held, "{sweep:?}");
}

pub(crate) async fn concurrent_resends_are_stored_once(store: Any) {
    let scene = Arc::new(Scene::new(store, 1).await);
    let (key, _) = scene.claim().await;
    let answers = at_once(8, |_| {
        let scene = Arc::clone(&scene);
        async move { scene.report(key, 1, &[0.1, 0.2, 0.3]).await.expect("stores or knows").acknowledged }
    })
    .await;
    assert_eq!(answers, [3; 8]);
    assert_eq!(scene.curve(key).await, [(10, 0.1), (20, 0.2), (30, 0.3)]);
    assert_eq!(scene.trial(1).await.metrics["f1"].count, 3);
}

pub(crate) async fn reports_in_any_portions_are_stored_once(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    assert_eq!(scene.report(key, 1, &[0.1, 0.2]).await.expect("stores").acknowledged, 2);
    assert_eq!(scene.report(key, 1, &[0.1, 0.2]).await.expect("knows").acknowledged, 2);
    assert_eq!(scene.report(key, 2, &[0.2, 0.3]).await.expect("takes the new one").acknowledged, 3);
    assert_eq!(scene.curve(key).await, [(10, 0.1), (20, 0.2), (30, 0.3)]);
    let trial = scene.trial(1).await;
    assert_eq!((trial.state, trial.objective), (TrialState::Running, Some(0.3)));
    let loss = trial.metrics["loss"];
    assert_eq!((loss.count, loss.last, loss.min, loss.max, loss.last_step), (3, -0.3, -0.3, -0.1, 30));
}

pub(crate) async fn a_gap_is_refused_with_the_last_stored(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[0.1]).await.expect("stores");
    assert!(matches!(scene.report(key, 3, &[0.3]).await, Err(StoreError::SeqGap { acknowledged: 1 })));
    assert!(matches!(
        scene.finish(key, Outcome::Succeeded, 2).await,
        Err(StoreError::SeqGap { acknowledged: 1 })
    ));
    assert_eq!(scene.trial(1).await.state, TrialState::Running);
}

pub(crate) async fn a_stale_attempt_cannot_write(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (old, _) = scene.claim().await;
    scene.report(old, 1, &[0.9]).await.expect("stores");
    scene.finish(old, Outcome::HandedBack, 1).await.expect("hands back");
    let (new, _) = scene.claim().await;
    assert_eq!(new.attempt, 2);
    assert!(matches!(scene.report(old, 2, &[0.8]).await, Err(StoreError::AttemptStale { .. })));
    assert!(matches!(scene.finish(old, Outcome::Succeeded, 1).await, Err(StoreError::AttemptStale { .. })));
    let standing = scene.store.attempts_renew(vec![old, new]).await.expect("answers");
    assert!(
        matches!(standing[0].standing, Standing::Lost(_)) && standing[1].standing == Standing::GoOn,
        "{standing:?}"
    );
    assert_eq!(scene.trial(1).await.state, TrialState::Leased);
}

pub(crate) async fn ends_move_trials_and_sweeps(store: Any) {
    let scene = Scene::new(store, 3).await;
    let outcomes = [
        (Outcome::Succeeded, TrialState::Finished, ""),
        (Outcome::Failed, TrialState::Failed, "because"),
        (Outcome::Stopped, TrialState::StoppedEarly, "because"),
    ];
    for (outcome, state, reason) in outcomes {
        let (key, number) = scene.claim().await;
        scene.report(key, 1, &[0.1 * number as f64]).await.expect("stores");
        assert_eq!(scene.sweep().await.state, SweepState::Running);
        assert_eq!(scene.finish(key, outcome, 1).await.expect("ends").state, state);
        let trial = scene.trial(number).await;
        assert_eq!(
            (trial.state, trial.reason.as_str(), trial.finished_at_ms),
            (state, reason, Some(NOW + 1))
        );
    }
    let sweep = scene.sweep().await;
    assert_eq!((sweep.state, sweep.ended_at_ms), (SweepState::Finished, Some(NOW + 1)));
    assert_eq!((sweep.counts.finished, sweep.counts.failed, sweep.counts.stopped_early), (1, 1, 1));
    // The failed trial's 0.2 does not count; the stopped one's does.
    assert_eq!(sweep.best.map(|(_, number)| number), Some(3));
}

pub(crate) async fn the_same_end_twice_is_one_end(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    assert_eq!(scene.finish(key, Outcome::Succeeded, 0).await.expect("answers").state, TrialState::Finished);
    assert!(matches!(scene.finish(key, Outcome::Failed, 0).await, Err(StoreError::AttemptStale { .. })));
    assert_eq!(scene.trial(1).await.state, TrialState::Finished);
}

pub(crate) async fn an_expired_lease_is_granted_again(store: Any) {
    let new = NewSweep { infrastructure_retries: 1, ..new_sweep("lost", Some(1)) };
    let scene = Scene::of(store, new, 1).await;
    for attempt in 1..=2 {
        let (key, number) = scene.claim().await;
        assert_eq!((key.attempt, number), (attempt, 1));
        let live = scene.store.leases_live().await.expect("reads");
        assert_eq!((live.len(), live[0].key, live[0].length), (1, key, Duration::from_secs(60)));
        assert!(scene.store.lease_expire(live[0], NOW + 9).await.expect("expires").is_some());
        assert!(scene.store.lease_expire(live[0], NOW + 9).await.expect("is gone already").is_none());
    }
    // The machine's budget is spent: it fails, with the agent's name in the reason.
    let trial = scene.trial(1).await;
    assert_eq!(trial.state, TrialState::Failed);
    assert!(trial.reason.contains("agent box was not heard of for 60 s"), "{}", trial.reason);
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
}

pub(crate) async fn a_renewed_lease_does_not_expire(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    let seen = scene.store.leases_live().await.expect("reads")[0];
    scene.store.attempts_renew(vec![key]).await.expect("renews");
    assert!(scene.store.lease_expire(seen, NOW).await.expect("answers").is_none());
    let seen = scene.store.leases_live().await.expect("reads")[0];
    scene.report(key, 1, &[0.5]).await.expect("renews too");
    assert!(scene.store.lease_expire(seen, NOW).await.expect("answers").is_none());
    assert_eq!(scene.trial(1).await.state, TrialState::Running);
}

pub(crate) async fn a_renewal_beside_an_expiry_has_one_winner(store: Any) {
    let scene = Arc::new(Scene::new(store, 8).await);
    for _ in 0..8 {
        let (key, _) = scene.claim().await;
        let live = scene.store.leases_live().await.expect("reads");
        let lease = *live.iter().find(|lease| lease.key == key).expect("is live");
        let other = Arc::clone(&scene);
        let expiry =
            tokio::spawn(
                async move { other.store.lease_expire(lease, NOW).await.expect("answers").is_some() },
            );
        let renewed = scene.report(key, 1, &[0.5]).await;
        let expired = expiry.await.expect("runs");
        // Either the report was first and the lease stands, or the lease is gone and the report was refused.
        match renewed {
            Ok(_) => assert!(!expired),
            Err(StoreError::AttemptStale { .. }) => assert!(expired),
            Err(other) => panic!("{other}"),
        }
        if !expired {
            scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
        }
        // No pause and no bench lasts so long.
        scene.clock.fetch_add(3_600_000, Ordering::SeqCst);
    }
}

pub(crate) async fn a_new_attempt_hides_the_curve_of_the_old(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (old, _) = scene.claim().await;
    scene.report(old, 1, &[0.9, 0.95]).await.expect("stores");
    scene.finish(old, Outcome::HandedBack, 2).await.expect("hands back");
    let (new, _) = scene.claim().await;
    assert_eq!((scene.curve(new).await, scene.trial(1).await.objective), (vec![], None));
    scene.report(new, 1, &[0.4]).await.expect("stores");
    assert_eq!(scene.curve(new).await, [(10, 0.4)]);
    let trial = scene.trial(1).await;
    assert_eq!((trial.objective, trial.metrics["f1"].count), (Some(0.4), 1));
}

pub(crate) async fn cancel_reaches_running_attempts_and_withdraws_the_queue(store: Any) {
    let scene = Scene::new(store, 4).await;
    let (running, _) = scene.claim().await;
    let (back, _) = scene.claim().await;
    scene.finish(back, Outcome::HandedBack, 0).await.expect("hands back");
    let sweep = scene.store.sweep_change(&scene.sweep, SweepEvent::Cancel, NOW).await.expect("cancels");
    assert_eq!(
        (sweep.state, sweep.counts.queued, sweep.counts.cancelled, sweep.proposed),
        (SweepState::Cancelled, 0, 1, 2)
    );
    let reply = scene.report(running, 1, &[0.1]).await.expect("is heard");
    assert!(matches!(reply.standing, Standing::Cancel(_)));
    assert_eq!(
        scene.finish(running, Outcome::Cancelled, 1).await.expect("ends").state,
        TrialState::Cancelled
    );
    assert!(matches!(
        scene.claim_as(Uuid::now_v7()).await,
        Claimed::Nothing { state: SweepState::Cancelled, .. }
    ));
}

pub(crate) async fn stop_withdraws_the_queue_and_lets_trials_finish(store: Any) {
    let scene = Scene::new(store, 4).await;
    let (running, _) = scene.claim().await;
    let sweep = scene.store.sweep_change(&scene.sweep, SweepEvent::Stop, NOW).await.expect("stops");
    assert_eq!((sweep.state, sweep.counts.queued, sweep.counts.active), (SweepState::Finished, 0, 1));
    assert_eq!(scene.report(running, 1, &[0.1]).await.expect("goes on").standing, Standing::GoOn);
    assert_eq!(scene.finish(running, Outcome::Succeeded, 1).await.expect("ends").state, TrialState::Finished);
    let refused = scene.store.sweep_change(&scene.sweep, SweepEvent::Pause, NOW).await;
    assert!(matches!(refused, Err(StoreError::SweepRefuses { state: SweepState::Finished, .. })));
}

pub(crate) async fn a_paused_sweep_hands_nothing_out(store: Any) {
    let scene = Scene::new(store, 2).await;
    let (running, _) = scene.claim().await;
    scene.store.sweep_change(&scene.sweep, SweepEvent::Pause, NOW).await.expect("pauses");
    assert!(matches!(
        scene.claim_as(Uuid::now_v7()).await,
        Claimed::Nothing { state: SweepState::Paused, .. }
    ));
    scene.finish(running, Outcome::Succeeded, 0).await.expect("a running trial goes on");
    scene.store.sweep_change(&scene.sweep, SweepEvent::Resume, NOW).await.expect("resumes");
    assert_eq!(scene.claim().await.1, 2);
}

pub(crate) async fn nothing_but_failures_pauses_a_sweep(store: Any) {
    let scene = Scene::new(store, 9).await;
    for _ in 0..5 {
        assert!(scene.sweep().await.state.hands_out());
        let (key, _) = scene.claim().await;
        scene.finish(key, Outcome::Failed, 0).await.expect("fails");
    }
    let sweep = scene.sweep().await;
    assert_eq!(sweep.state, SweepState::Paused);
    assert!(
        sweep.reason.contains("all 5 trials so far failed, the last one with: because"),
        "{}",
        sweep.reason
    );
}

pub(crate) async fn a_program_that_failed_is_run_again_within_its_retries(store: Any) {
    let scene = Scene::of(store, NewSweep { retries: 1, ..new_sweep("retried", Some(1)) }, 1).await;
    let (key, _) = scene.claim().await;
    let first = scene.finish(key, Outcome::Failed, 0).await.expect("fails");
    assert_eq!(first.state, TrialState::Queued);
    assert_eq!(scene.trial(1).await.reason, "to be retried: because");
    scene.clock.fetch_add(10_000, Ordering::SeqCst);
    let (key, number) = scene.claim().await;
    assert_eq!((key.attempt, number), (2, 1));
    let second = scene.finish(key, Outcome::Failed, 0).await.expect("fails");
    assert_eq!(second.state, TrialState::Failed);
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
}

pub(crate) async fn no_more_trials_are_held_than_max_parallel(store: Any) {
    let scene = Scene::of(store, NewSweep { max_parallel: Some(2), ..new_sweep("few", Some(4)) }, 4).await;
    let (first, _) = scene.claim().await;
    let (second, _) = scene.claim().await;
    scene.report(second, 1, &[0.1]).await.expect("stores");
    let full = scene.claim_as(Uuid::now_v7()).await;
    assert!(matches!(full, Claimed::Nothing { state: SweepState::Running, .. }), "{full:?}");
    scene.finish(first, Outcome::HandedBack, 0).await.expect("ends");
    let (third, number) = scene.claim().await;
    assert_eq!((third.attempt, number), (2, 1), "what ran before goes first");
}

pub(crate) async fn non_finite_objectives_never_count(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[f64::NAN, 0.3, f64::INFINITY]).await.expect("stores");
    let trial = scene.trial(1).await;
    assert_eq!(
        (trial.objective, trial.metrics["f1"].count, trial.metrics["f1"].non_finite),
        (Some(0.3), 1, 2)
    );
    let curve = scene.curve(key).await;
    assert!(curve[0].1.is_nan() && curve[2].1 == f64::INFINITY, "{curve:?}");
    assert_eq!(scene.sweep().await.best, Some((0.3, 1)));
}

pub(crate) async fn watchers_see_each_change_once(store: Any) {
    let scene = Scene::new(store, 3).await;
    let mut feed = scene.store.feed();
    let all = loop {
        // The feed follows the commits: by and by all of them are in it.
        let all = scene.store.changes_since(&scene.sweep, 0).await.expect("reads");
        if all.trials.len() == 3 {
            break all;
        }
        feed.changed().await.expect("moves");
    };
    assert!(scene.store.changes_since(&scene.sweep, all.change).await.expect("reads").trials.is_empty());
    let (key, number) = scene.claim().await;
    feed.wait_for(|change| *change > all.change).await.expect("moves");
    let some = scene.store.changes_since(&scene.sweep, all.change).await.expect("reads");
    assert_eq!(some.trials.iter().map(|trial| trial.number).collect::<Vec<_>>(), [number]);
    assert_eq!(some.sweep.state, SweepState::Running);
    scene.report(key, 1, &[0.5]).await.expect("stores");
    feed.wait_for(|change| *change > some.change).await.expect("moves");
    let more = scene.store.changes_since(&scene.sweep, some.change).await.expect("reads");
    assert_eq!(more.trials.iter().map(|trial| trial.objective).collect::<Vec<_>>(), [Some(0.5)]);
}

pub(crate) async fn whoever_waits_is_woken(store: Any) {
    let mut waiting = store.attention();
    waiting.mark_unchanged();
    store.attend();
    waiting.changed().await.expect("moves");
}

pub(crate) async fn top_lists_the_best_first(store: Any) {
    let scene = Scene::new(store, 4).await;
    for value in [0.2, 0.9, 0.5] {
        let (key, _) = scene.claim().await;
        scene.report(key, 1, &[value]).await.expect("stores");
    }
    let top = TrialFilter { states: vec![], top: Some(2) };
    let best = scene.store.trial_list(&scene.sweep, top).await.expect("lists");
    assert_eq!(best.iter().map(|trial| trial.number).collect::<Vec<_>>(), [2, 3]);
    let queued = TrialFilter { states: vec![TrialState::Queued], top: None };
    assert_eq!(scene.store.trial_list(&scene.sweep, queued).await.expect("lists").len(), 1);
    assert_eq!(scene.store.trials_count(&scene.sweep, TrialState::Running).await.expect("counts"), 3);
}

pub(crate) async fn logs_come_back_in_order(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    let line = |text: &str| Event {
        at_ms: NOW,
        kind: EventKind::Log(LogLine { stream: "stdout".to_owned(), text: text.to_owned() }),
    };
    let facts = Facts { host: "box".to_owned(), command: vec!["true".to_owned()], ..Facts::default() };
    let first = vec![Event { at_ms: NOW, kind: EventKind::Facts(facts) }, line("a"), line("b")];
    scene.store.attempt_report(key, 1, first, NOW).await.expect("stores");
    let versions =
        Facts { versions: BTreeMap::from([("tch".to_owned(), "0.26".to_owned())]), ..Facts::default() };
    let second = vec![line("c"), Event { at_ms: NOW, kind: EventKind::Facts(versions) }];
    scene.store.attempt_report(key, 4, second, NOW).await.expect("stores");
    let texts =
        |entries: Vec<LogEntry>| entries.into_iter().map(|e| (e.seq, e.line.text)).collect::<Vec<_>>();
    let all = texts(scene.store.log_lines(key.trial, 1, None).await.expect("reads"));
    assert_eq!(all, [(2, "a".to_owned()), (3, "b".to_owned()), (4, "c".to_owned())]);
    assert_eq!(texts(scene.store.log_lines(key.trial, 1, Some(2)).await.expect("reads")), all[1..]);
    let facts = scene.trial(1).await.facts.expect("are there");
    assert_eq!((facts.host.as_str(), facts.versions["tch"].as_str()), ("box", "0.26"));
}

pub(crate) async fn records_come_back(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    let checkpoint = Checkpoint {
        step: 7,
        epoch: Some(0.25),
        path: "/runs/7".to_owned(),
        metrics: BTreeMap::from([("f1".to_owned(), 0.5)]),
        resume: true,
        stored: false,
    };
    let media =
        Media { name: "matrix".to_owned(), step: 7, value: serde_json::json!({"rows": [[1, 2], [3, null]]}) };
    let at = |kind| Event { at_ms: NOW, kind };
    let events = vec![at(EventKind::Checkpoint(checkpoint.clone())), at(EventKind::Media(media.clone()))];
    scene.store.attempt_report(key, 1, events, NOW).await.expect("stores");
    scene.finish(key, Outcome::Failed, 2).await.expect("ends");
    let detail = scene.store.trial_get(&TrialName::Id(key.trial)).await.expect("is there");
    assert_eq!((detail.checkpoints, detail.media), (vec![checkpoint], vec![media]));
    let attempt = &detail.attempts[0];
    assert_eq!(
        (attempt.number, &*attempt.agent, &*attempt.ended, attempt.ended_at_ms),
        (1, "box", "failed: because", Some(NOW + 1))
    );
    assert_eq!(detail.trial.agent, "box");
}

/// A job that writes and then fails.
pub(crate) async fn a_failed_job_leaves_nothing_behind<B: Backend>(store: &B) {
    let new = new_sweep("undone", None);
    let before = *Store::feed(store).borrow();
    let given = Arc::new(new.clone());
    let job: Job<()> = Box::new(move |tx| {
        let new = Arc::clone(&given);
        Box::pin(async move {
            assert!(tx.sweep_insert(&new).await?);
            tx.trials_insert(&new.id, &[trial(1), trial(2)], NOW).await?;
            tx.trials_withdraw(&new.id).await?;
            Err(StoreError::Corrupt { what: "on purpose".to_owned() })
        })
    });
    assert!(matches!(store.write(Haste::Soon, job).await, Err(StoreError::Corrupt { .. })));
    assert!(matches!(store.sweep_find(&new.id).await, Err(StoreError::SweepNotFound { .. })));
    assert_eq!(*Store::feed(store).borrow(), before);
    // The same can be stored now, and nothing of the first try is in its way.
    let sweep = store.sweep_create(new).await.expect("stores").id;
    assert!(store.trials_enqueue(&sweep, 0, vec![trial(1)], true, NOW).await.expect("queues"));
}

/// What programs print and people name may hold characters that one of the databases has no place for.
pub(crate) async fn odd_characters_are_no_failure(store: Any) {
    let new = NewSweep { name: "a\0b \u{1f600}".to_owned(), ..new_sweep("odd", Some(1)) };
    let scene = Scene::of(store, new, 1).await;
    let (key, _) = scene.claim().await;
    let values = BTreeMap::from([("f\0".to_owned(), 0.5)]);
    let point = Event { at_ms: NOW, kind: EventKind::Metrics { step: 1, epoch: None, values } };
    let log = EventKind::Log(LogLine { stream: "stdout".to_owned(), text: "\0\u{1f600}".to_owned() });
    let events = vec![point, Event { at_ms: NOW, kind: log }];
    scene.store.attempt_report(key, 1, events, NOW).await.expect("stores");
    let finish = Finish {
        key,
        outcome: Outcome::Failed,
        reason: "\0 was the last word".to_owned(),
        exit_code: Some(1),
        signal: None,
        last_seq: 2,
    };
    scene.store.attempt_finish(finish, NOW).await.expect("ends");
    assert!(scene.trial(1).await.reason.ends_with("was the last word"));
    let lines = scene.store.log_lines(key.trial, 1, None).await.expect("reads");
    assert_eq!(lines[0].line.text, "\0\u{1f600}", "logs are kept as they are");
}
