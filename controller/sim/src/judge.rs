//! What must hold after any faults, judged by what the controller tells and what the programs noted, and by nothing else.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Context as _;
use sweep_core::search::{Different, Replayed, replay};
use sweep_core::spec;
use sweep_proto::convert::{recorded, trial_state_word};
use sweep_proto::v1;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tonic::transport::Channel;

use crate::trial::{STEPS, values};

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
    /// Notes a violation of an invariant, by its place in [`INVARIANTS`].
    pub(crate) fn wrong(&mut self, invariant: usize, what: String) {
        self.violations.entry(invariant).or_default().push(what);
    }

    fn must(&mut self, invariant: usize, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(invariant, what());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, invariant) in INVARIANTS.iter().enumerate() {
            let found = self.violations.get(&at);
            let word =
                found.map_or_else(|| "holds".to_owned(), |found| format!("VIOLATED {} times", found.len()));
            writeln!(f, "{invariant:<50} {word}")?;
            for what in found.into_iter().flatten().take(5) {
                writeln!(f, "      {what}")?;
            }
        }
        Ok(())
    }
}

/// A sweep that is over, and what is known of it from elsewhere.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) sweep: &'a str,
    pub(crate) text: &'a str,
    pub(crate) cap: u64,
    /// What programs noted that were not alone in their slots.
    pub(crate) crowded: Vec<String>,
    /// Whether the controller's clock never jumped, so that its times can be compared.
    pub(crate) steady_clock: bool,
}

/// Judges a sweep.
pub(crate) async fn check(
    client: &mut SweepServiceClient<Channel>,
    case: Case<'_>,
) -> anyhow::Result<Verdict> {
    let Case { sweep, text, cap, crowded, steady_clock } = case;
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
    let recorded: Result<Vec<_>, _> = trials.iter().map(|trial| recorded(&told, trial)).collect();
    let Replayed { different, unknown, .. } =
        replay(&spec, told.seed, &recorded.context("reading a trial")?, &[]);
    for Different { number, again } in different {
        verdict.wrong(5, format!("trial {number} would be {again:?}"));
    }
    verdict.must(5, unknown.is_empty(), || format!("it is not known what trials {unknown:?} came from"));
    let mut best: Option<f64> = None;
    for trial in &trials {
        let objective = judge(client, trial, steady_clock, &mut verdict).await?;
        if let Some(objective) = objective {
            best = Some(best.map_or(objective, |best| best.max(objective)));
        }
    }
    verdict.must(4, told.best_objective == best, || {
        format!("{:?} is told, {best:?} it is", told.best_objective)
    });
    crowded.into_iter().for_each(|note| verdict.wrong(6, note));
    Ok(verdict)
}

/// Judges one trial; its objective as its points have it, if they count.
async fn judge(
    client: &mut SweepServiceClient<Channel>,
    trial: &v1::Trial,
    steady_clock: bool,
    verdict: &mut Verdict,
) -> anyhow::Result<Option<f64>> {
    let name = format!("{}/{}", trial.sweep_id, trial.number);
    let request = v1::GetTrialRequest { trial: name.clone() };
    let attempts = client.get_trial(request).await?.into_inner().attempts;
    verdict.attempts += attempts.len();
    for pair in attempts.windows(2) {
        let (earlier, later) = (&pair[0], &pair[1]);
        verdict.must(0, earlier.number + 1 == later.number, || format!("{name}: attempts {pair:?}"));
        let apart = earlier.ended_at_ms > 0 && (!steady_clock || earlier.ended_at_ms <= later.claimed_at_ms);
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
