//! `wait`: for scripts that go on when a sweep has come to something.

use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use sweep_core::objective::Goal;
use sweep_core::spec;
use sweep_proto::convert::sweep_state_word;
use sweep_proto::v1;

use crate::args::Format;
use crate::client::Client;
use crate::commands::get_sweep;
use crate::exit::{Exit, Failure};
use crate::progress::{self, Progress};
use crate::show;
use crate::table::{put, render};
use crate::watch::{self, News};

/// Wait until a sweep has come to something; the exit code tells what.
///
/// Examples:
///   sweep-ctl wait && sweep-ctl best
///   sweep-ctl wait k3x9q2ab --for 'best>=0.73' --timeout 3h
///   sweep-ctl wait k3x9q2ab --for trials=10
///
/// Exit codes: 0 reached, 7 timed out, 10 the sweep ended without it (or, waiting for its end, with no trial that went well).
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct WaitArgs {
    #[arg(default_value = "-")]
    sweep: String,
    /// finished: it is over and nothing runs; trials=N: so many have ended; best>=X or best<=X: a trial is as good.
    #[arg(long = "for", value_name = "CONDITION", default_value = "finished", value_parser = condition)]
    condition: Condition,
    /// At most so long: seconds, or 90s, 45m, 1h30m, 2d.
    #[arg(long, value_name = "DURATION", value_parser = length)]
    timeout: Option<Duration>,
}

fn length(text: &str) -> Result<Duration, String> {
    spec::duration_of(text).ok_or_else(|| "write seconds (90), or 90s, 45m, 1h30m, 2d".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Condition {
    Finished,
    /// So many trials have ended.
    Trials(u64),
    /// The best objective is on this side of a value.
    Best(Goal, f64),
}

fn condition(text: &str) -> Result<Condition, String> {
    let text = text.trim();
    if text == "finished" {
        return Ok(Condition::Finished);
    }
    let wanted = || "use finished, trials=N, best>=X or best<=X".to_owned();
    if let Some(count) = text.strip_prefix("trials=") {
        let count = count.trim().parse().ok().filter(|count| *count > 0);
        return count.map(Condition::Trials).ok_or_else(wanted);
    }
    let rest = text.strip_prefix("best").ok_or_else(wanted)?.trim_start();
    let (goal, value) = match (rest.strip_prefix(">="), rest.strip_prefix("<=")) {
        (Some(value), _) => (Goal::Maximize, value),
        (_, Some(value)) => (Goal::Minimize, value),
        _ => return Err(wanted()),
    };
    let value = value.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    value.map(|value| Condition::Best(goal, value)).ok_or_else(wanted)
}

impl Condition {
    fn holds(self, sweep: &v1::Sweep) -> bool {
        match self {
            Self::Finished => watch::is_done(sweep),
            Self::Trials(count) => show::ended(sweep) >= count,
            Self::Best(Goal::Maximize, value) => sweep.best_objective.is_some_and(|best| best >= value),
            Self::Best(Goal::Minimize, value) => sweep.best_objective.is_some_and(|best| best <= value),
        }
    }
}

pub(crate) async fn run(client: &mut Client, output: Format, args: WaitArgs) -> Result<(), Failure> {
    let WaitArgs { sweep, condition, timeout } = args;
    let sweep = get_sweep(client, sweep).await?;
    if matches!(condition, Condition::Best(..)) && sweep.objective_name.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            format!("sweep {} has no `metric`, so no trial is the best", sweep.id),
        ));
    }
    let progress = Progress::of_sweep();
    let mut paused = String::new();
    let follow = watch::each(client, &sweep.id, |news| {
        let News::Changed(news) = news else {
            progress.say("the controller is away; waiting for it");
            return Ok(ControlFlow::Continue(()));
        };
        let Some(sweep) = news.sweep else { return Ok(ControlFlow::Continue(())) };
        progress.show(&sweep);
        if condition.holds(&sweep) || watch::is_done(&sweep) {
            return Ok(ControlFlow::Break(sweep));
        }
        if sweep_state_word(sweep.state) == "paused" && paused != sweep.reason {
            paused.clone_from(&sweep.reason);
            let id = &sweep.id;
            progress.say(&format!("sweep {id} is paused: {paused}\n  go on: sweep-ctl resume {id}"));
        }
        Ok(ControlFlow::Continue(()))
    });
    let waited = match timeout {
        Some(timeout) => tokio::time::timeout(timeout, follow).await,
        None => Ok(follow.await),
    };
    progress.end();
    let Ok(sweep) = waited else {
        let length =
            show::duration(i64::try_from(timeout.unwrap_or_default().as_millis()).unwrap_or(i64::MAX));
        let now = get_sweep(client, sweep.id).await?;
        return Err(Failure::new(
            Exit::TimedOut,
            format!("sweep {} did not come to it in {length}: {}", now.id, progress::line(&now)),
        ));
    };
    told(output, &sweep?, condition)
}

/// What was come to.
fn told(output: Format, sweep: &v1::Sweep, condition: Condition) -> Result<(), Failure> {
    let state = sweep_state_word(sweep.state);
    if output == Format::Table {
        put(&format!("{} {state}: {}\n", sweep.id, progress::line(sweep)))?;
    } else {
        put(&render(&show::sweeps(std::slice::from_ref(sweep)), output, true)?)?;
    }
    let counts = sweep.counts.unwrap_or_default();
    let well = counts.finished + counts.stopped_early > 0;
    if condition.holds(sweep) && (condition != Condition::Finished || (well && state == "finished")) {
        return Ok(());
    }
    let what = match (condition, well) {
        (Condition::Finished, false) => "with no trial that went well",
        (Condition::Finished, true) => "and was cancelled",
        _ => "and did not come to it",
    };
    Err(Failure::new(
        Exit::Unsuccessful,
        format!(
            "sweep {} is over ({state}), {what}\n  see its trials: sweep-ctl trials {}",
            sweep.id, sweep.id
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_people_write_them() {
        for (text, expected) in [
            ("finished", Some(Condition::Finished)),
            ("trials=10", Some(Condition::Trials(10))),
            ("best>=0.7", Some(Condition::Best(Goal::Maximize, 0.7))),
            ("best <= 1e-3", Some(Condition::Best(Goal::Minimize, 1e-3))),
            ("trials=0", None),
            ("trials>=3", None),
            ("best>0.7", None),
            ("best>=nan", None),
            ("done", None),
        ] {
            assert_eq!(condition(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn what_holds_is_seen_in_the_sweep_alone() {
        let counts = v1::TrialCounts { finished: 2, failed: 1, active: 1, ..Default::default() };
        let running = v1::Sweep {
            state: v1::SweepState::Running.into(),
            counts: Some(counts),
            best_objective: Some(0.7),
            ..Default::default()
        };
        for (text, expected) in [
            ("finished", false),
            ("trials=3", true),
            ("trials=4", false),
            ("best>=0.7", true),
            ("best<=0.6", false),
        ] {
            assert_eq!(condition(text).expect("reads").holds(&running), expected, "{text}");
        }
        let stopped = v1::Sweep { state: v1::SweepState::Finished.into(), ..running.clone() };
        assert!(!Condition::Finished.holds(&stopped), "one still runs");
    }
}
