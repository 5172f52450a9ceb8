//! What must hold after any chaos, judged by what the controller tells and what the programs noted, and by nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use sweep_core::search::{History, Proposer};
use sweep_core::spec;
use sweep_proto::convert::trial_state_word;
use sweep_proto::v1;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tonic::transport::Channel;

use super::trial::{STEPS, values};

/// Invariants, in the order of `docs/reliability.md`.
pub(crate) const INVARIANTS: [&str; 7] = [
    "I1 one attempt of a trial at a time",
    "I2 what was told is there, once, to the last bit",
    "I3 as many trials as the cap, each once",
    "I4 every trial came to an end",
    "I5 the best is the best of the points",
    "I6 the same seed proposes the same",
    "I7 one program in a slot",
];

/// What was found wrong, by invariant.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) violations: BTreeMap<usize, Vec<String>>,
    /// Trials that ended well, and attempts of all.
    pub(crate) finished: usize,
    pub(crate) attempts: usize,
    /// Trials that failed as they should: they took three agents down in a row.
    pub(crate) poisoned: usize,
    /// Points that were compared.
    pub(crate) points: usize,
}

impl Verdict {
    fn wrong(&mut self, invariant: usize, what: String) {
        self.violations.entry(invariant).or_default().push(what);
    }

    fn must(&mut self, invariant: usize, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(invariant, what());
        }
    }
}

/// Judges a sweep that is over. `folders`: the machines'.
pub(crate) async fn check(
    client: &mut SweepServiceClient<Channel>,
    sweep: &str,
    text: &str,
    cap: u64,
    folders: &[&Path],
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    let request = v1::GetSweepRequest { sweep: sweep.to_owned() };
    let told = client.get_sweep(request).await?.into_inner().sweep.context("no sweep")?;
    let request = v1::ListTrialsRequest { sweep: sweep.to_owned(), ..Default::default() };
    let mut trials = client.list_trials(request).await?.into_inner().trials;
    trials.sort_by_key(|trial| trial.number);
    let numbers: Vec<u64> = trials.iter().map(|trial| trial.number).collect();
    verdict
        .must(2, numbers == (1..=cap).collect::<Vec<_>>(), || format!("{} of {cap} trials", numbers.len()));
    let spec = spec::parse(text).spec.context("the sweep's file")?;
    let mut proposer = Proposer::default();
    let mut best: Option<f64> = None;
    for trial in &trials {
        let expected = proposer.propose(&spec, told.seed, trial.number, &History::default());
        let expected = expected.map(|proposal| proposal.params);
        let params = serde_json::from_str(&trial.params_json).ok();
        verdict.must(5, expected == params, || format!("trial {}: {}", trial.number, trial.params_json));
        let objective = judge(client, trial, &mut verdict).await?;
        if let Some(objective) = objective {
            best = Some(best.map_or(objective, |best| best.max(objective)));
        }
    }
    verdict.must(4, told.best_objective == best, || {
        format!("{:?} is told, {best:?} it is", told.best_objective)
    });
    for folder in folders {
        if let Ok(notes) = std::fs::read_to_string(folder.join("violations")) {
            notes.lines().for_each(|line| verdict.wrong(6, line.to_owned()));
        }
    }
    Ok(verdict)
}

/// Judges one trial; its objective as its points have it, if they count.
async fn judge(
    client: &mut SweepServiceClient<Channel>,
    trial: &v1::Trial,
    verdict: &mut Verdict,
) -> anyhow::Result<Option<f64>> {
    let name = format!("{}/{}", trial.sweep_id, trial.number);
    let request = v1::GetTrialRequest { trial: name.clone() };
    let attempts = client.get_trial(request).await?.into_inner().attempts;
    verdict.attempts += attempts.len();
    for pair in attempts.windows(2) {
        let (earlier, later) = (&pair[0], &pair[1]);
        verdict.must(0, earlier.number + 1 == later.number, || format!("{name}: attempts {pair:?}"));
        let apart = earlier.ended_at_ms > 0 && earlier.ended_at_ms <= later.claimed_at_ms;
        verdict.must(0, apart, || format!("{name}: attempt {} ran beside {}", later.number, earlier.number));
    }
    let state = trial_state_word(trial.state);
    let request =
        v1::GetMetricsRequest { trial: name.clone(), names: vec!["value".to_owned()], max_points: 100_000 };
    let curve = client.get_metrics(request).await?.into_inner().curves.pop().unwrap_or_default();
    verdict.points += curve.steps.len();
    let start = serde_json::from_str::<serde_json::Value>(&trial.params_json)?["start"].as_f64();
    let expected = values(start.context("a trial without its parameter")?);
    if state == "finished" {
        verdict.finished += 1;
        let steps: Vec<u64> = (1..=STEPS).collect();
        verdict.must(1, curve.steps == steps, || format!("{name}: steps {:?}", curve.steps));
    } else if state == "failed" && trial.reason.contains("agents in a row were lost") {
        verdict.poisoned += 1;
    } else {
        verdict.wrong(3, format!("{name} is {state}: {}", trial.reason));
    }
    for (step, value) in curve.steps.iter().zip(&curve.values) {
        let right = expected.get(*step as usize - 1).is_some_and(|right| right.to_bits() == value.to_bits());
        verdict.must(1, right, || format!("{name}: step {step} is {value}"));
    }
    let objective = curve.values.iter().copied().reduce(f64::max);
    verdict.must(4, trial.objective == objective, || {
        format!("{name}: {:?}, by its points {objective:?}", trial.objective)
    });
    Ok(objective.filter(|_| state == "finished"))
}
