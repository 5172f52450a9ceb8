//! What is known of agents, and what people want of them.

use super::*;

fn wish(kind: AgentWishKind) -> AgentWish {
    AgentWish { kind, reason: "new driver".to_owned() }
}

async fn row(scene: &Scene) -> AgentRow {
    let agents = scene.store.agents().await.expect("lists");
    agents.into_iter().find(|row| row.agent.id == scene.agent).expect("is known")
}

/// Why a claim gets nothing.
async fn refusal(scene: &Scene) -> String {
    match scene.claim_as(Uuid::now_v7()).await {
        Claimed::Nothing { reason, benched: true, .. } => reason,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn agents_are_listed_with_what_they_run(store: Any) {
    let scene = Scene::new(store, 3).await;
    let other = scene::agent();
    scene
        .store
        .agent_register(Agent { name: "another".to_owned(), ..other.clone() }, NOW)
        .await
        .expect("registers");
    let (key, number) = scene.claim().await;
    let (gone, _) = scene.claim().await;
    scene.finish(gone, Outcome::Succeeded, 0).await.expect("ends");
    let facts = Facts { devices: vec!["cuda:1".to_owned()], ..Facts::default() };
    let told = Event { at_ms: NOW, kind: EventKind::Facts(facts) };
    scene.store.attempt_report(key, 1, vec![told], NOW).await.expect("stores");
    let agents = scene.store.agents().await.expect("lists");
    assert_eq!(agents.iter().map(|row| &*row.agent.name).collect::<Vec<_>>(), ["another", "box"]);
    assert_eq!((agents[0].agent.id, &agents[0].trials), (other.id, &Vec::new()));
    let claimed_at_ms = scene.now();
    let devices = vec!["cuda:1".to_owned()];
    let running = AgentTrial { key, sweep: scene.sweep.clone(), number, claimed_at_ms, devices };
    assert_eq!(agents[1].trials, [running]);
    assert_eq!((agents[1].registered_at_ms, agents[1].seen_at_ms), (NOW, 0));
    let seen = vec![(scene.agent, NOW + 9), (other.id, NOW + 5), (Uuid::now_v7(), NOW)];
    scene.store.agents_seen(seen).await.expect("notes");
    scene.store.agents_seen(vec![(scene.agent, NOW + 7)]).await.expect("notes");
    assert_eq!(row(&scene).await.seen_at_ms, NOW + 9, "an older moment changes nothing");
}

pub(crate) async fn a_drained_agent_goes_on_and_gets_nothing_new(store: Any) {
    let scene = Scene::new(store, 3).await;
    let request = Uuid::now_v7();
    let Claimed::Granted(given) = scene.claim_as(request).await else { panic!("nothing granted") };
    let key = AttemptKey { trial: given.trial, attempt: given.attempt };
    scene.store.agent_wish(scene.agent, Some(wish(AgentWishKind::Drain))).await.expect("notes");
    assert_eq!(refusal(&scene).await, "agent box is drained: new driver");
    assert!(
        matches!(scene.claim_as(request).await, Claimed::Granted(_)),
        "what was granted before is granted"
    );
    assert_eq!(scene.report(key, 1, &[0.5]).await.expect("stores").standing, Standing::GoOn);
    scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
    // Its agent comes back under its id.
    scene.store.agent_register(Agent { id: scene.agent, ..scene::agent() }, NOW).await.expect("registers");
    assert_eq!(row(&scene).await.wish, Some(wish(AgentWishKind::Drain)));
    refusal(&scene).await;
    scene.store.agent_wish(scene.agent, None).await.expect("notes");
    assert_eq!(row(&scene).await.wish, None);
    scene.claim().await;
    let nobody = scene.store.agent_wish(Uuid::now_v7(), None).await;
    assert!(matches!(nobody, Err(StoreError::AgentUnknown { .. })), "{nobody:?}");
}

pub(crate) async fn what_is_taken_from_an_agent_is_queued_again_at_no_cost(store: Any) {
    let mut new = new_sweep("scene", Some(1));
    new.infrastructure_retries = 0;
    let scene = Scene::of(store, new, 1).await;
    let (key, number) = scene.claim().await;
    scene.report(key, 1, &[0.5]).await.expect("stores");
    scene.store.agent_wish(scene.agent, Some(wish(AgentWishKind::Quarantine))).await.expect("notes");
    assert_eq!(refusal(&scene).await, "agent box is quarantined: new driver");
    let taken = scene.store.attempt_take(key, "agent box was quarantined", scene.now()).await.expect("takes");
    assert_eq!(taken.map(|taken| (taken.state, taken.frees)), Some((TrialState::Queued, true)));
    let again = scene.store.attempt_take(key, "agent box was quarantined", scene.now()).await.expect("looks");
    assert_eq!(again, None, "the same again changes nothing");
    let stale = scene.report(key, 2, &[0.6]).await;
    assert!(matches!(stale, Err(StoreError::AttemptStale { .. })), "{stale:?}");
    let told = scene.store.attempts_renew(vec![key]).await.expect("renews").remove(0).standing;
    assert!(matches!(told, Standing::Lost(_)), "{told:?}");
    assert!(row(&scene).await.trials.is_empty());
    let other = scene::agent();
    let agent = other.id;
    scene.store.agent_register(other, NOW).await.expect("registers");
    let elsewhere = Scene { agent, ..scene.on(Arc::clone(&scene.store)) };
    let (next, same) = elsewhere.claim().await;
    assert_eq!((same, next.attempt), (number, 2));
    let name = TrialName::Number { sweep: scene.sweep.clone(), number };
    let detail = scene.store.trial_get(&name).await.expect("is there");
    assert_eq!(detail.attempts[0].ended, "handed back: agent box was quarantined");
}

pub(crate) async fn a_person_lifts_a_bench(store: Any) {
    let mut new = new_sweep("scene", Some(20));
    new.retries = 9;
    let scene = Scene::of(store, new, 20).await;
    for _ in 0..sweep_core::breaker::MACHINE_FAULTS {
        let (key, _) = scene.claim().await;
        scene.finish(key, Outcome::Infrastructure, 0).await.expect("ends");
    }
    let (until_ms, reason) = row(&scene).await.benched.expect("is benched");
    assert!(until_ms > scene.now() && reason.contains("because"), "{reason}");
    assert!(refusal(&scene).await.contains("benched"));
    scene.store.agent_wish(scene.agent, None).await.expect("notes");
    assert_eq!(row(&scene).await.benched, None);
    scene.claim().await;
}

pub(crate) async fn claims_beside_a_wish_obey_it_once_it_is_answered(store: Any) {
    let scene = Arc::new(Scene::new(store, 60).await);
    let claims = {
        let scene = Arc::clone(&scene);
        tokio::spawn(at_once(8, move |_| {
            let scene = Arc::clone(&scene);
            async move { while let Claimed::Granted(_) = scene.claim_as(Uuid::now_v7()).await {} }
        }))
    };
    scene.store.agent_wish(scene.agent, Some(wish(AgentWishKind::Drain))).await.expect("notes");
    let held = row(&scene).await.trials.len();
    claims.await.expect("runs");
    assert_eq!(row(&scene).await.trials.len(), held, "a claim was granted after the wish was answered");
}
