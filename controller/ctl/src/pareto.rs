//! The Pareto set of a sweep with several metrics.

use serde_json::Value;
use sweep_core::objective::Goal;
use sweep_core::pareto;
use sweep_core::trial::TrialState;
use sweep_proto::v1;

use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::show::{number, objective_names, trial_json, trials as trials_sheet};
use crate::table::{json, object, put, render, say, yaml};

/// The trials that no other is better than, and how much they dominate. In units of the metrics.
struct Front {
    trials: Vec<v1::Trial>,
    /// How many trials have a value of each metric.
    of: usize,
    reference: Vec<f64>,
    volume: f64,
}

/// Refuses to name a best trial where there is a set of them.
pub(crate) fn refuse_best(sweep: &v1::Sweep) -> Result<(), Failure> {
    if sweep.objectives.is_empty() {
        return Ok(());
    }
    let message = format!(
        "sweep {} has several metrics ({}), so no trial is the best, but a Pareto set is\n  see it: sweep-ctl pareto {}",
        sweep.id,
        objective_names(sweep).join(", "),
        sweep.id
    );
    Err(Failure::new(Exit::Nothing, message))
}

/// Prints the Pareto set; `reference`: empty, or a value of each metric.
pub(crate) fn pareto(
    output: Format,
    sweep: &v1::Sweep,
    trials: &[v1::Trial],
    reference: &[f64],
) -> Result<(), Failure> {
    let names = objective_names(sweep);
    if sweep.objectives.is_empty() {
        let message = format!(
            "sweep {} has no `metrics`, so there is no Pareto set\n  see its best trial: sweep-ctl best {}",
            sweep.id, sweep.id
        );
        return Err(Failure::new(Exit::Nothing, message));
    }
    if !reference.is_empty() && reference.len() != names.len() {
        let message = format!(
            "--reference has {} values, and sweep {} has {} metrics\n  give one of each, in this order: {}",
            reference.len(),
            sweep.id,
            names.len(),
            names.join(",")
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let goals = goals(sweep)?;
    let Some(front) = front(&goals, trials, reference) else {
        let message = format!(
            "no trial of sweep {} has ended with a finite value of each of {}\n  see them: sweep-ctl trials {}",
            sweep.id,
            names.join(", "),
            sweep.id
        );
        return Err(Failure::new(Exit::Nothing, message));
    };
    match output {
        Format::Json => put(&json(&front_json(&front, &names))?),
        Format::Yaml => put(&yaml(&front_json(&front, &names))?),
        Format::Table | Format::Csv | Format::Name => {
            put(&render(&trials_sheet(&front.trials, &names), output, false)?)?;
            if output == Format::Table {
                say(&said(&front, &names));
            }
            Ok(())
        }
    }
}

fn goals(sweep: &v1::Sweep) -> Result<Vec<Goal>, Failure> {
    let goals = sweep.objectives.iter().map(|objective| objective.goal().to_core());
    goals.collect::<Option<_>>().ok_or_else(|| {
        Failure::new(
            Exit::Unexpected,
            "a goal is unknown to this sweep-ctl: is the controller of another version?",
        )
    })
}

/// `None`: no trial ended with all values.
fn front(goals: &[Goal], trials: &[v1::Trial], reference: &[f64]) -> Option<Front> {
    let ended = |trial: &&v1::Trial| {
        let state = v1::TrialState::try_from(trial.state).ok().and_then(v1::TrialState::to_core);
        matches!(state, Some(TrialState::Finished | TrialState::StoppedEarly))
            && trial.objectives.len() == goals.len()
    };
    let known: Vec<&v1::Trial> = trials.iter().filter(ended).collect();
    let less = |values: &[f64]| -> Vec<f64> {
        let turned = |(value, goal): (&f64, &Goal)| if *goal == Goal::Maximize { -value } else { *value };
        values.iter().zip(goals).map(turned).collect()
    };
    let points: Vec<Vec<f64>> = known.iter().map(|trial| less(&trial.objectives)).collect();
    let mut free = pareto::non_dominated(&points);
    // By the first metric, the best first.
    free.sort_by(|&a, &b| points[a][0].total_cmp(&points[b][0]).then(a.cmp(&b)));
    let set: Vec<Vec<f64>> = free.iter().map(|&at| points[at].clone()).collect();
    let least = if reference.is_empty() { pareto::reference(&set)? } else { less(reference) };
    (!set.is_empty()).then(|| Front {
        trials: free.iter().map(|&at| known[at].clone()).collect(),
        of: known.len(),
        // Turned twice, a goal is what it was.
        reference: less(&least),
        volume: pareto::hypervolume(&set, &least),
    })
}

fn said(front: &Front, names: &[String]) -> String {
    let reference =
        names.iter().zip(&front.reference).map(|(name, value)| format!("{name} {}", number(*value)));
    format!(
        "{} of {} trials are in the Pareto set; their hypervolume is {} up to the reference point {}",
        front.trials.len(),
        front.of,
        number(front.volume),
        reference.collect::<Vec<_>>().join(", ")
    )
}

fn front_json(front: &Front, names: &[String]) -> Value {
    let reference =
        names.iter().zip(&front.reference).map(|(name, value)| (name.clone(), Value::from(*value)));
    object([
        ("trials", front.trials.iter().map(trial_json).collect()),
        ("of", front.of.into()),
        ("hypervolume", front.volume.into()),
        ("reference", Value::Object(reference.collect())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(number: u64, state: v1::TrialState, objectives: &[f64]) -> v1::Trial {
        v1::Trial {
            sweep_id: "k3x9q2ab".into(),
            number,
            state: state.into(),
            objectives: objectives.to_vec(),
            ..Default::default()
        }
    }

    #[test]
    fn the_set_is_of_trials_that_ended_with_all_values() {
        use v1::TrialState::{Failed, Finished, Running, StoppedEarly};
        let trials = [
            trial(1, Finished, &[3.0, 0.9]),
            trial(2, Finished, &[1.0, 0.5]),
            trial(3, Finished, &[3.5, 0.8]),
            trial(4, StoppedEarly, &[2.0, 0.7]),
            trial(5, Running, &[0.0, 1.0]),
            trial(6, Failed, &[0.0, 1.0]),
            trial(7, Finished, &[]),
        ];
        let goals = [Goal::Minimize, Goal::Maximize];
        let found = front(&goals, &trials, &[4.0, 0.0]).expect("is a set");
        assert_eq!(found.trials.iter().map(|trial| trial.number).collect::<Vec<_>>(), [2, 4, 1]);
        assert_eq!((found.of, found.reference.clone()), (4, vec![4.0, 0.0]));
        // Boxes of 3 × 0.5, and 2 × 0.2 and 1 × 0.2 above it.
        assert!((found.volume - 2.1).abs() < 1e-12, "{}", found.volume);
        let own = front(&goals, &trials, &[]).expect("is a set");
        assert!((own.reference[0] - 3.2).abs() < 1e-12 && (own.reference[1] - 0.46).abs() < 1e-12);
        let names = ["seconds".to_owned(), "f1".to_owned()];
        assert_eq!(
            said(&found, &names),
            "3 of 4 trials are in the Pareto set; their hypervolume is 2.1 up to the reference point seconds 4, f1 0"
        );
        assert!(front(&goals, &trials[4..], &[]).is_none());
    }
}
