//! `retry` and `extend`: more to do for a sweep.

use clap::Args;
use sweep_core::trial::TrialState;
use sweep_proto::convert::sweep_state_word;
use sweep_proto::v1;
use sweep_proto::v1::extend_sweep_request::Extension;

use crate::args::Format;
use crate::client::{Client, present};
use crate::commands::states;
use crate::exit::{Exit, Failure};
use crate::show;
use crate::table::{json, object, put, render, say};

/// Run trials again with the same parameters: those that failed, or others that are named. A finished sweep is opened for it.
///
/// Examples:
///   sweep-ctl retry k3x9q2ab
///   sweep-ctl retry k3x9q2ab/4 k3x9q2ab/7
///   sweep-ctl retry k3x9q2ab --state failed,stopped_early
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct RetryArgs {
    /// One SWEEP, or any number of SWEEP/NUMBER of one sweep.
    #[arg(default_value = "-", value_name = "SWEEP or TRIAL", value_parser = crate::args::named)]
    what: Vec<String>,
    /// All in these states: failed, stopped_early, cancelled.
    #[arg(long, value_delimiter = ',', value_name = "STATE")]
    state: Vec<String>,
}

pub(crate) async fn retry(client: &mut Client, output: Format, args: RetryArgs) -> Result<(), Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let (sweep, numbers) = meant(&args.what).map_err(usage)?;
    if !numbers.is_empty() && !args.state.is_empty() {
        return Err(usage("name trials, or states, not both".to_owned()));
    }
    let states = states(&args.state, TrialState::of_word, &["failed", "stopped_early", "cancelled"])?;
    let states = states.into_iter().map(|state| v1::TrialState::from(state).into()).collect();
    let reply = client.sweeps.retry_trials(v1::RetryTrialsRequest { sweep, numbers, states }).await;
    let v1::RetryTrialsResponse { sweep, numbers } =
        reply.map_err(|status| client.failed(&status))?.into_inner();
    let sweep = present(sweep)?;
    let ids: Vec<_> = numbers.iter().map(|number| format!("{}/{number}", sweep.id)).collect();
    match output {
        Format::Json | Format::Yaml => {
            let value = object([("sweep", show::sweep_json(&sweep)), ("trials", ids.clone().into())]);
            put(&if output == Format::Json { json(&value)? } else { crate::table::yaml(&value)? })?;
        }
        _ => put(&ids.iter().map(|id| id.clone() + "\n").collect::<String>())?,
    }
    if ids.is_empty() {
        let which = if args.state.is_empty() { "failed".to_owned() } else { args.state.join(", ") };
        return Err(Failure::new(Exit::Nothing, format!("no trial of sweep {} is {which}", sweep.id)));
    }
    let state = sweep_state_word(sweep.state);
    let count = if ids.len() == 1 { "1 trial is".to_owned() } else { format!("{} trials are", ids.len()) };
    say(&format!("{count} queued again; sweep {} is {state}{}", sweep.id, hint(&sweep)));
    Ok(())
}

/// What is to do so that something happens.
fn hint(sweep: &v1::Sweep) -> String {
    match sweep_state_word(sweep.state) {
        "paused" => format!("\n  go on: sweep-ctl resume {}", sweep.id),
        _ if sweep.counts.unwrap_or_default().active == 0 => {
            format!("\n  run its trials: sweep-agent {}", sweep.id)
        }
        _ => String::new(),
    }
}

/// The sweep and the numbers of its trials that are named.
fn meant(names: &[String]) -> Result<(String, Vec<u64>), String> {
    let mut sweep: Option<&str> = None;
    let mut numbers = Vec::new();
    for name in names {
        let (of, number) =
            name.split_once('/').map_or((name.as_str(), None), |(of, number)| (of, Some(number)));
        if sweep.is_some_and(|sweep| sweep != of) || (number.is_none() && names.len() > 1) {
            return Err("name one SWEEP, or trials of one sweep".to_owned());
        }
        sweep = Some(of);
        if let Some(number) = number {
            numbers.push(number.parse().map_err(|_| format!("`{number}` is not a trial's number"))?);
        }
    }
    Ok((sweep.unwrap_or("-").to_owned(), numbers))
}

/// Raise the most trials of a sweep (`run_cap`). A finished sweep goes on.
///
/// Examples:
///   sweep-ctl extend k3x9q2ab --trials +10
///   sweep-ctl extend k3x9q2ab --trials 50
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ExtendArgs {
    #[arg(default_value = "-")]
    sweep: String,
    /// By so many (+N), or to so many in all (N).
    #[arg(long, value_name = "+N or N", value_parser = extension)]
    trials: Extension,
}

fn extension(text: &str) -> Result<Extension, String> {
    let (digits, by) = text.strip_prefix('+').map_or((text, false), |digits| (digits, true));
    let count = digits.parse::<u64>().ok().filter(|count| *count > 0);
    let count = count.ok_or("write +10 for ten more, 50 for fifty in all")?;
    Ok(if by { Extension::By(count) } else { Extension::To(count) })
}

pub(crate) async fn extend(client: &mut Client, output: Format, args: ExtendArgs) -> Result<(), Failure> {
    let request = v1::ExtendSweepRequest { sweep: args.sweep, extension: Some(args.trials) };
    let reply = client.sweeps.extend_sweep(request).await.map_err(|status| client.failed(&status))?;
    let sweep = present(reply.into_inner().sweep)?;
    if output != Format::Table {
        return put(&render(&show::sweeps(&[sweep]), output, true)?);
    }
    let state = sweep_state_word(sweep.state);
    let planned = sweep.planned_trials.unwrap_or_default();
    put(&format!("{} {state}\n", sweep.id))?;
    say(&format!("sweep {} has {planned} trials now{}", sweep.id, hint(&sweep)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_of_one_sweep_can_be_named_together() {
        let meant = |names: &[&str]| meant(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(meant(&["-"]), Ok(("-".to_owned(), vec![])));
        assert_eq!(meant(&["ab/1", "ab/3"]), Ok(("ab".to_owned(), vec![1, 3])));
        for names in [&["ab", "ab/1"][..], &["ab/1", "cd/1"], &["ab", "cd"], &["ab/x"]] {
            assert!(meant(names).is_err(), "{names:?}");
        }
    }

    #[test]
    fn a_plus_means_more() {
        assert_eq!(extension("+3"), Ok(Extension::By(3)));
        assert_eq!(extension("3"), Ok(Extension::To(3)));
        for text in ["0", "+0", "-3", "x", ""] {
            assert!(extension(text).is_err(), "{text}");
        }
    }
}
