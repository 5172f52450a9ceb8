//! Budgets, pauses, benched agents and trials that take agents down.

use super::*;

const SECOND: i64 = 1_000;

impl Scene {
    /// The same sweep, asked by another agent.
    async fn other_agent(&self, name: &str) -> Self {
        let agent = Agent { id: Uuid::now_v7(), name: name.to_owned(), ..agent() };
        let id = agent.id;
        self.store.agent_register(agent, NOW).await.expect("registers");
        let clock = AtomicI64::new(self.now());
        Self { store: Arc::clone(&self.store), sweep: self.sweep.clone(), agent: id, clock }
    }

    fn wait(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// Why nothing is handed out.
    async fn refused(&self) -> String {
        match self.claim_as(Uuid::now_v7()).await {
            Claimed::Nothing { reason, .. } => reason,
            other => panic!("it was granted: {other:?}"),
        }
    }

    async fn lose(&self) -> Finished {
        let live = self.store.leases_live().await.expect("reads")[0];
        self.store.lease_expire(live, self.now()).await.expect("expires").expect("was live")
    }
}

pub(crate) async fn a_trial_pauses_before_it_is_run_again(store: Any) {
    let scene = Scene::of(store, NewSweep { retries: 2, ..new_sweep("paused", Some(1)) }, 1).await;
    for seconds in [10, 20] {
        let (key, _) = scene.claim().await;
        let ended = scene.finish(key, Outcome::Failed, 0).await.expect("fails");
        assert_eq!((ended.state, ended.pause), (TrialState::Queued, Duration::from_secs(seconds)));
        scene.refused().await;
        scene.wait(seconds as i64 * SECOND);
    }
    let (key, _) = scene.claim().await;
    // What is given back unharmed waits for nobody.
    let ended = scene.finish(key, Outcome::HandedBack, 0).await.expect("ends");
    assert_eq!(ended.pause, Duration::ZERO);
    assert_eq!(scene.claim().await.0.attempt, 4);
}

pub(crate) async fn a_clock_set_back_ends_a_pause(store: Any) {
    let scene = Scene::of(store, NewSweep { retries: 1, ..new_sweep("jump", Some(1)) }, 1).await;
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Failed, 0).await.expect("fails");
    scene.wait(-3_600 * SECOND);
    assert_eq!(scene.claim().await.0.attempt, 2);
}

pub(crate) async fn programs_and_machines_have_budgets_of_their_own(store: Any) {
    let new = NewSweep { retries: 1, infrastructure_retries: 1, ..new_sweep("budgets", Some(1)) };
    let scene = Scene::of(store, new, 1).await;
    for outcome in [Outcome::Infrastructure, Outcome::Failed] {
        let (key, _) = scene.claim().await;
        assert_eq!(scene.finish(key, outcome, 0).await.expect("ends").state, TrialState::Queued);
        scene.wait(60 * SECOND);
    }
    let (key, _) = scene.claim().await;
    let last = scene.finish(key, Outcome::Infrastructure, 0).await.expect("ends");
    assert_eq!(last.state, TrialState::Failed);
    let reason = scene.trial(1).await.reason;
    assert_eq!(reason, "gave up after 2 faults of machines: because");
}

pub(crate) async fn a_trial_that_takes_agents_down_fails_with_that_reason(store: Any) {
    let roomy = NewSweep { infrastructure_retries: 100, ..new_sweep("poison", Some(2)) };
    let scene = Scene::of(store, roomy, 2).await;
    // One agent that is lost over and over proves nothing of the trial.
    for _ in 0..2 {
        scene.claim().await;
        assert_eq!(scene.lose().await.state, TrialState::Queued);
        scene.wait(600 * SECOND);
    }
    for (name, expected) in [("second", TrialState::Queued), ("third", TrialState::Failed)] {
        let other = scene.other_agent(name).await;
        let (_, number) = other.claim().await;
        assert_eq!(number, 1);
        assert_eq!(other.lose().await.state, expected, "after {name}");
        scene.wait(600 * SECOND);
    }
    let reason = scene.trial(1).await.reason;
    assert!(reason.starts_with("3 agents in a row were lost while running it"), "{reason}");
    assert!(reason.ends_with("agent third was not heard of for 60 s"), "{reason}");
    // The sweep goes on.
    assert_eq!(scene.claim().await.1, 2);
}

pub(crate) async fn a_machine_that_fails_in_a_row_is_benched_and_comes_back(store: Any) {
    let scene = Scene::new(store, 5).await;
    for _ in 0..3 {
        scene.wait(60 * SECOND);
        let (key, _) = scene.claim().await;
        scene.finish(key, Outcome::Infrastructure, 0).await.expect("ends");
    }
    scene.wait(59 * SECOND);
    let reason = scene.refused().await;
    assert!(reason.starts_with("agent box is benched: it gets no trials for 60 s"), "{reason}");
    // Others go on meanwhile, and registering again does not shorten it.
    let other = scene.other_agent("other").await;
    let (key, _) = other.claim().await;
    other.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    scene.store.agent_register(Agent { id: scene.agent, ..agent() }, scene.now()).await.expect("registers");
    assert!(scene.refused().await.contains("benched"));
    scene.wait(SECOND);
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    scene.claim().await;
}

pub(crate) async fn ends_of_other_slots_neither_lift_nor_double_a_bench(store: Any) {
    let scene = Scene::new(store, 7).await;
    for _ in 0..2 {
        let (key, _) = scene.claim().await;
        scene.finish(key, Outcome::Infrastructure, 0).await.expect("ends");
        scene.wait(60 * SECOND);
    }
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(scene.claim().await.0);
    }
    // The third fault in a row benches it; one of the others fails then, and one falls to the same fault.
    for (key, outcome) in
        held.into_iter().zip([Outcome::Infrastructure, Outcome::Failed, Outcome::Infrastructure])
    {
        scene.finish(key, outcome, 0).await.expect("ends");
        assert!(scene.refused().await.contains("it gets no trials for 60 s"), "after {outcome:?}");
    }
    scene.wait(59 * SECOND);
    scene.refused().await;
    scene.wait(SECOND);
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Infrastructure, 0).await.expect("ends");
    assert!(
        scene.refused().await.contains("it gets no trials for 120 s"),
        "the next fault after it doubles it"
    );
    scene.wait(120 * SECOND);
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    scene.claim().await;
}

pub(crate) async fn a_success_lifts_a_bench(store: Any) {
    let scene = Scene::new(store, 5).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(scene.claim().await.0);
    }
    let good = held.pop().expect("holds four");
    for key in held {
        scene.finish(key, Outcome::Infrastructure, 0).await.expect("ends");
    }
    scene.wait(SECOND);
    assert!(scene.refused().await.contains("benched"));
    scene.finish(good, Outcome::Succeeded, 0).await.expect("ends");
    scene.claim().await;
}

pub(crate) async fn an_agent_on_which_every_program_fails_is_benched(store: Any) {
    let scene = Scene::new(store, 12).await;
    let other = scene.other_agent("good").await;
    let (key, _) = other.claim().await;
    other.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    for _ in 0..5 {
        let (key, _) = scene.claim().await;
        scene.finish(key, Outcome::Failed, 0).await.expect("ends");
    }
    assert!(scene.refused().await.contains("its first trials all failed"));
    for _ in 0..5 {
        let (key, _) = other.claim().await;
        other.finish(key, Outcome::Failed, 0).await.expect("ends");
    }
    // It ran one well, so these are the trials' failures.
    other.claim().await;
}

pub(crate) async fn a_trial_without_a_finite_objective_fails_where_asked(store: Any) {
    let new = NewSweep { fails_non_finite: true, ..new_sweep("numbers", Some(2)) };
    let scene = Scene::of(store, new, 2).await;
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[f64::NAN, f64::INFINITY]).await.expect("stores");
    let ended = scene.finish(key, Outcome::Succeeded, 2).await.expect("ends");
    assert_eq!(ended.state, TrialState::Failed);
    assert_eq!(scene.trial(1).await.reason, "the program ended well, but never reported a finite f1");
    // The same end again is answered the same.
    assert_eq!(scene.finish(key, Outcome::Succeeded, 2).await.expect("again").state, TrialState::Failed);
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[f64::NAN, 0.5]).await.expect("stores");
    assert_eq!(scene.finish(key, Outcome::Succeeded, 2).await.expect("ends").state, TrialState::Finished);
}
