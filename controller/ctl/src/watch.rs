//! Following a sweep: a line for each thing that happened, until it is over.

use std::collections::HashMap;
use std::time::Duration;

use sweep_proto::convert::{sweep_state_word, trial_state_word};
use sweep_proto::v1;
use tokio_stream::StreamExt as _;

use crate::args::Format;
use crate::client::Client;
use crate::exit::Failure;
use crate::show;
use crate::table::{put, say};

/// Between attempts to reach a controller that went away.
const RECONNECT: Duration = Duration::from_secs(1);

/// Follows a sweep. People get a line for each change of a trial; `json` gives one compact JSON object a line.
pub(crate) async fn run(client: &mut Client, output: Format, name: String) -> Result<(), Failure> {
    let request = v1::GetSweepRequest { sweep: name };
    let found = client.sweeps.get_sweep(request).await.map_err(|status| client.failed(&status))?.into_inner();
    let id = found.sweep.map(|sweep| sweep.id).unwrap_or_default();
    let mut story = Story::default();
    let mut since = 0;
    loop {
        match follow(client, output, &id, &mut since, &mut story).await {
            Ok(()) => return Ok(()),
            // Once it has been seen, a controller that is away is waited for: the trials go on without it.
            Err(status) if status.code() == tonic::Code::Unavailable => {
                say("the controller is away; waiting for it");
                tokio::time::sleep(RECONNECT).await;
            }
            Err(status) => return Err(client.failed(&status)),
        }
    }
}

async fn follow(
    client: &mut Client,
    output: Format,
    id: &str,
    since: &mut u64,
    story: &mut Story,
) -> Result<(), tonic::Status> {
    let request = v1::WatchRequest { sweep: id.to_owned(), since: *since };
    let mut stream = client.sweeps.watch(request).await?.into_inner();
    while let Some(news) = stream.next().await {
        let news = news?;
        *since = news.change;
        let Some(sweep) = news.sweep else { continue };
        for trial in &news.trials {
            if output == Format::Json {
                print(&(show::trial_json(trial).to_string() + "\n"))?;
            } else if let Some(line) = story.line(trial, &sweep) {
                print(&(line + "\n"))?;
            }
        }
        let counts = sweep.counts.unwrap_or_default();
        if matches!(sweep_state_word(sweep.state), "finished" | "cancelled") && counts.active == 0 {
            if output != Format::Json {
                print(&header(&sweep))?;
            }
            return Ok(());
        }
        if story.paused != sweep.reason {
            story.paused.clone_from(&sweep.reason);
            if !sweep.reason.is_empty() {
                say(&format!("sweep {id} is {}: {}", sweep_state_word(sweep.state), sweep.reason));
            }
        }
    }
    // The stream ended without the sweep's end: the controller is going down.
    Err(tonic::Status::unavailable("the stream ended"))
}

fn print(text: &str) -> Result<(), tonic::Status> {
    put(text).map_err(|failure| tonic::Status::internal(failure.to_string()))
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
        if trial.finished_at_ms > 0 && trial.started_at_ms > 0 {
            line.push_str(&format!("  {}", show::duration(trial.finished_at_ms - trial.started_at_ms)));
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
    text
}
