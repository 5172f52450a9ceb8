//! Following a sweep until it is over: a line for each thing that happened, and on a terminal how far it is.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use sweep_proto::convert::{sweep_state_word, trial_state_word};
use sweep_proto::v1;
use tokio_stream::StreamExt as _;

use crate::args::Format;
use crate::client::Client;
use crate::commands::get_sweep;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::show;
use crate::table::{put, say};

/// Between attempts to reach a controller that went away.
const RECONNECT: Duration = Duration::from_secs(1);

/// Follow a sweep until it is over. Ctrl-C leaves; the sweep goes on.
///
/// Examples:
///   sweep-ctl watch
///   sweep-ctl watch k3x9q2ab -o json | jq .state
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct WatchArgs {
    #[arg(default_value = "-")]
    sweep: String,
}

impl WatchArgs {
    /// Of a sweep.
    pub(crate) fn of(sweep: String) -> Self {
        Self { sweep }
    }
}

/// What a follower hears.
pub(crate) enum News {
    Changed(Box<v1::WatchResponse>),
    /// Once it has been seen, a controller that is away is waited for: the trials go on without it.
    Away,
}

/// Tells all that changes in a sweep, from the beginning on, until `hear` has what it wants.
pub(crate) async fn each<T>(
    client: &mut Client,
    id: &str,
    mut hear: impl FnMut(News) -> Result<ControlFlow<T>, Failure>,
) -> Result<T, Failure> {
    let mut since = 0;
    loop {
        let request = v1::WatchRequest { sweep: id.to_owned(), since };
        let status = match client.sweeps.watch(request).await {
            Err(status) => status,
            Ok(reply) => {
                let mut stream = reply.into_inner();
                loop {
                    match stream.next().await {
                        // It ended without the sweep's end: the controller is going down.
                        None => break tonic::Status::unavailable("the stream ended"),
                        Some(Err(status)) => break status,
                        Some(Ok(news)) => {
                            since = news.change;
                            if let ControlFlow::Break(found) = hear(News::Changed(Box::new(news)))? {
                                return Ok(found);
                            }
                        }
                    }
                }
            }
        };
        if status.code() != tonic::Code::Unavailable {
            return Err(client.failed(&status));
        }
        if let ControlFlow::Break(found) = hear(News::Away)? {
            return Ok(found);
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Whether nothing more will happen in a sweep by itself.
pub(crate) fn is_done(sweep: &v1::Sweep) -> bool {
    let over = matches!(sweep_state_word(sweep.state), "finished" | "cancelled");
    over && sweep.counts.unwrap_or_default().active == 0
}

/// Follows a sweep. People get a line for each change of a trial; `json` gives one compact JSON object a line.
pub(crate) async fn run(client: &mut Client, output: Format, args: WatchArgs) -> Result<(), Failure> {
    let id = get_sweep(client, args.sweep).await?.id;
    let mut story = Story::default();
    let on_terminal = output == Format::Table && std::io::stdout().is_terminal();
    let progress = if on_terminal { Progress::of_sweep() } else { Progress::none() };
    let follow = each(client, &id, |news| {
        let News::Changed(news) = news else {
            progress.say("the controller is away; waiting for it");
            return Ok(ControlFlow::Continue(()));
        };
        let Some(sweep) = news.sweep else { return Ok(ControlFlow::Continue(())) };
        for trial in &news.trials {
            if output == Format::Json {
                put(&(show::trial_json(trial).to_string() + "\n"))?;
            } else if let Some(line) = story.line(trial, &sweep) {
                progress.put(&(line + "\n"))?;
            }
        }
        progress.show(&sweep);
        if is_done(&sweep) {
            return Ok(ControlFlow::Break(sweep));
        }
        if story.paused != sweep.reason {
            story.paused.clone_from(&sweep.reason);
            if !sweep.reason.is_empty() {
                progress.say(&format!("sweep {id} is {}: {}", sweep_state_word(sweep.state), sweep.reason));
            }
        }
        Ok(ControlFlow::Continue(()))
    });
    let sweep = tokio::select! {
        sweep = follow => sweep?,
        _ = tokio::signal::ctrl_c() => {
            progress.end();
            say(&format!("left; sweep {id} goes on (stop it: sweep-ctl stop {id})"));
            return Ok(());
        }
    };
    progress.end();
    if output == Format::Json { Ok(()) } else { put(&header(&sweep)) }
}

/// What has been told already.
#[derive(Default)]
struct Story {
    told: HashMap<u64, (i32, u32, Option<u64>)>,
    paused: String,
}

impl Story {
    /// A line when a trial changed its state or its best value; steps in between are not told.
    fn line(&mut self, trial: &v1::Trial, sweep: &v1::Sweep) -> Option<String> {
        let state = trial_state_word(trial.state);
        let now = (trial.state, trial.attempt, trial.objective.map(f64::to_bits));
        let before = self.told.insert(trial.number, now);
        if before == Some(now) || matches!(state, "queued" if before.is_none()) || state == "leased" {
            return None;
        }
        let mut line = format!("{:<12} {:<13}", show::trial_id(trial), state);
        for (value, objective) in trial.objectives.iter().zip(&sweep.objectives) {
            line.push_str(&format!(" {} {}", objective.name, show::number(*value)));
        }
        if let Some(objective) = trial.objective {
            line.push_str(&format!(" {} {}", sweep.objective_name, show::number(objective)));
            if sweep.best_trial_number == trial.number && sweep.best_objective == trial.objective {
                line.push_str(" (best)");
            }
        }
        if let Some(length) = show::length(trial) {
            line.push_str(&format!("  {}", show::duration(length)));
        }
        if !trial.reason.is_empty() {
            line.push_str(&format!("  {}", trial.reason));
        }
        Some(line)
    }
}

/// A sweep in a few lines.
pub(crate) fn header(sweep: &v1::Sweep) -> String {
    let counts = sweep.counts.unwrap_or_default();
    let mut text = format!("sweep    {}", sweep.id);
    if !sweep.name.is_empty() {
        text.push_str(&format!("  {}", sweep.name));
    }
    for (word, said) in [("project", &sweep.project), ("about", &sweep.description)] {
        if !said.is_empty() {
            text.push_str(&format!("\n{word:<8} {said}"));
        }
    }
    text.push_str(&format!("\nstate    {}", sweep_state_word(sweep.state)));
    if !sweep.reason.is_empty() {
        text.push_str(&format!(" ({})", sweep.reason));
    }
    let parts: Vec<_> = [
        ("queued", counts.queued),
        ("running", counts.active),
        ("paused", counts.paused),
        ("finished", counts.finished),
        ("stopped early", counts.stopped_early),
        ("failed", counts.failed),
        ("cancelled", counts.cancelled),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(word, count)| format!("{count} {word}"))
    .collect();
    text.push_str(&format!("\ntrials   {}  ({})\n", show::progress(sweep), parts.join(", ")));
    text.push_str(&format!("search   {}, seed {}\n", sweep.method, sweep.seed));
    if !sweep.objectives.is_empty() {
        let names = show::objective_names(sweep).join(", ");
        text.push_str(&format!("after    {names}: sweep-ctl pareto {}\n", sweep.id));
    }
    if let Some(best) = sweep.best_objective {
        text.push_str(&format!(
            "best     {} {}  trial {}/{}\n",
            sweep.objective_name,
            show::number(best),
            sweep.id,
            sweep.best_trial_number
        ));
    }
    text.push_str(&show::noted(&sweep.note, &sweep.tags));
    text
}
