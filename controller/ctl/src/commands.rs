//! What each command does: ask, render, print.

use sweep_core::spec;
use sweep_core::sweep::SweepState;
use sweep_core::trial::TrialState;
use sweep_proto::convert::{sweep_state_word, trial_state_word};
use sweep_proto::v1;
use uuid::Uuid;

use crate::args::{Cli, Command, Format, MetricsArgs};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Sheet, object, put, render, say};
use crate::{explain, local, pareto, replay, set, show, watch};

type Done = Result<(), Failure>;

pub(crate) async fn run(cli: Cli) -> Done {
    let Cli { server, output, command } = cli;
    match &command {
        Command::Create { file, name, project, set } => {
            let text = set::apply(local::read_file(file)?, &set.set)?;
            let request = v1::CreateSweepRequest {
                text,
                request_id: Uuid::now_v7().to_string(),
                name: name.clone().unwrap_or_default(),
                file_name: file.display().to_string(),
                project: project.clone().unwrap_or_default(),
            };
            return create(&server, output, request).await;
        }
        Command::Validate { files } => return local::validate(output, files),
        Command::Plan { file, count, seed, set } => {
            let text = set::apply(local::read_file(file)?, &set.set)?;
            return local::plan(output, &file.display().to_string(), &text, *count, *seed);
        }
        Command::Explain { path } => return explain::explain(output, path.as_deref()),
        Command::Schema => return explain::schema(),
        _ => {}
    }
    let mut client = Client::connect(&server).await?;
    match command {
        // Done above, without a controller or before one is needed.
        Command::Create { .. }
        | Command::Validate { .. }
        | Command::Plan { .. }
        | Command::Explain { .. }
        | Command::Schema => Ok(()),
        Command::List { state, project } => list(&mut client, output, &state, project).await,
        Command::Show { what } if what.contains('/') => show_trial(&mut client, output, what).await,
        Command::Show { what } => show_sweep(&mut client, output, what).await,
        Command::Trials { sweep, top, state } => trials(&mut client, output, sweep, top, &state).await,
        Command::Best { sweep } => best(&mut client, output, sweep).await,
        Command::Pareto { sweep, reference } => {
            let sweep = get_sweep(&mut client, sweep).await?;
            let request = v1::ListTrialsRequest { sweep: sweep.id.clone(), ..Default::default() };
            let trials = list_trials(&mut client, request).await?;
            pareto::pareto(output, &sweep, &trials, &reference)
        }
        Command::Replay { sweep } => {
            let sweep = get_sweep(&mut client, sweep).await?;
            let request = v1::ListTrialsRequest { sweep: sweep.id.clone(), ..Default::default() };
            let trials = list_trials(&mut client, request).await?;
            let asked = v1::GetSweepRequest { sweep: sweep.id.clone() };
            let reply = client.sweeps.get_sweep(asked).await.map_err(|status| client.failed(&status))?;
            replay::replay(output, &sweep, &trials, &reply.into_inner().prior_json)
        }
        Command::Metrics(args) => metrics(&mut client, output, args).await,
        Command::Logs { trial, tail, attempt } => logs(&mut client, output, trial, tail, attempt).await,
        Command::Watch { sweep } => watch::run(&mut client, output, sweep).await,
        Command::Pause { sweep } => {
            let reply = client.sweeps.pause_sweep(v1::PauseSweepRequest { sweep }).await;
            changed(&client, output, reply.map(|reply| reply.into_inner().sweep))
        }
        Command::Resume { sweep } => {
            let reply = client.sweeps.resume_sweep(v1::ResumeSweepRequest { sweep }).await;
            changed(&client, output, reply.map(|reply| reply.into_inner().sweep))
        }
        Command::Stop { sweep } => {
            let reply = client.sweeps.stop_sweep(v1::StopSweepRequest { sweep }).await;
            changed(&client, output, reply.map(|reply| reply.into_inner().sweep))
        }
        Command::Cancel { sweep } => {
            let reply = client.sweeps.cancel_sweep(v1::CancelSweepRequest { sweep }).await;
            changed(&client, output, reply.map(|reply| reply.into_inner().sweep))
        }
    }
}

/// An answer without its message is another version's.
fn present<T>(value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| {
        Failure::new(Exit::Unexpected, "the controller's answer is incomplete: is it of another version?")
    })
}

async fn create(server: &str, output: Format, request: v1::CreateSweepRequest) -> Done {
    // The same check as the controller's, so a mistake is shown even while no controller runs.
    let parsed = spec::parse(&request.text);
    local::check(&parsed, &request.file_name, &request.text)?;
    let mut client = Client::connect(server).await?;
    let reply =
        client.sweeps.create_sweep(request).await.map_err(|status| client.failed(&status))?.into_inner();
    let sweep = present(reply.sweep)?;
    for warning in reply.warnings {
        say(&warning);
    }
    if output != Format::Table {
        return put(&render(&show::sweeps(&[sweep]), output, true)?);
    }
    let planned = sweep
        .planned_trials
        .map_or_else(|| "no limit on trials".to_owned(), |planned| format!("{planned} trials"));
    let shown = if sweep.name.is_empty() { String::new() } else { format!("  {}", sweep.name) };
    put(&format!("{}\n", sweep.id))?;
    let flag = if server == "http://127.0.0.1:7878" { String::new() } else { format!(" --server {server}") };
    say(&format!(
        "created sweep {id}{shown}  ({method}, {planned}, seed {seed})\n  run its trials: sweep-agent {id}{flag}\n  watch it:       sweep-ctl watch {id}{flag}",
        id = sweep.id,
        method = sweep.method,
        seed = sweep.seed,
    ));
    Ok(())
}

/// States by word, for a filter.
fn states<T: Copy>(
    words: &[String],
    of_word: impl Fn(&str) -> Option<T>,
    all: &[&str],
) -> Result<Vec<T>, Failure> {
    words
        .iter()
        .map(|word| {
            of_word(word).ok_or_else(|| {
                Failure::new(
                    Exit::Usage,
                    format!("--state {word}: no such state\n  use one of {}", all.join(", ")),
                )
            })
        })
        .collect()
}

async fn list(client: &mut Client, output: Format, words: &[String], project: Option<String>) -> Done {
    let wanted = states(words, SweepState::of_word, &SweepState::ALL.map(SweepState::word))?;
    let states = wanted.into_iter().map(|state| v1::SweepState::from(state).into()).collect();
    let reply = client
        .sweeps
        .list_sweeps(v1::ListSweepsRequest { states, project: project.clone().unwrap_or_default() })
        .await
        .map_err(|status| client.failed(&status))?;
    let sweeps = reply.into_inner().sweeps;
    if sweeps.is_empty() && output == Format::Table {
        say(match (words, &project) {
            ([], None) => "no sweeps yet; create one: sweep-ctl create FILE",
            _ => "no sweeps match",
        });
        return Ok(());
    }
    put(&render(&show::sweeps(&sweeps), output, false)?)
}

async fn get_sweep(client: &mut Client, sweep: String) -> Result<v1::Sweep, Failure> {
    let reply = client
        .sweeps
        .get_sweep(v1::GetSweepRequest { sweep })
        .await
        .map_err(|status| client.failed(&status))?;
    present(reply.into_inner().sweep)
}

async fn show_sweep(client: &mut Client, output: Format, name: String) -> Done {
    let sweep = get_sweep(client, name).await?;
    if output != Format::Table {
        return put(&render(&show::sweeps(&[sweep]), output, true)?);
    }
    put(&watch::header(&sweep))
}

async fn show_trial(client: &mut Client, output: Format, trial: String) -> Done {
    let reply = client
        .sweeps
        .get_trial(v1::GetTrialRequest { trial })
        .await
        .map_err(|status| client.failed(&status))?
        .into_inner();
    let trial = present(reply.trial.clone())?;
    if output != Format::Table {
        let whole = |trial: &v1::Trial| show::whole_trial_json(trial, &reply.attempts, &reply.checkpoints);
        let sheet = show::trials(std::slice::from_ref(&trial), &[]);
        return put(&render(&Sheet { json: &whole, ..sheet }, output, true)?);
    }
    let mut text = format!("trial    {}\nstate    {}", show::trial_id(&trial), trial_state_word(trial.state));
    if !trial.reason.is_empty() {
        text.push_str(&format!(" ({})", trial.reason));
    }
    let several: Vec<_> = trial.objectives.iter().map(|&value| show::number(value)).collect();
    let objective = if several.is_empty() { show::optional(trial.objective) } else { several.join(", ") };
    text.push_str(&format!("\nobjective {objective}\n"));
    if !trial.why.is_empty() {
        text.push_str(&format!("proposed {}\n", trial.why));
    }
    text.push_str("\nparameters\n");
    for (name, value) in show::params(&trial) {
        text.push_str(&format!("  {name}: {}\n", sweep_core::value::python_str(&value)));
    }
    if let Some(facts) = &trial.facts {
        let dirty = if facts.git_dirty { ", with uncommitted changes" } else { "" };
        let git = if facts.git_commit.is_empty() {
            "none".to_owned()
        } else {
            format!("{}{dirty}", facts.git_commit)
        };
        text.push_str(&format!(
            "\ncommand  {}\nhost     {}\nfolder   {}\ngit      {git}\n",
            facts.command.join(" "),
            facts.host,
            facts.working_directory
        ));
        let mut versions: Vec<_> =
            facts.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        versions.sort();
        text.push_str(&format!("versions {}\n", versions.join(", ")));
    }
    text.push_str("\nattempts\n");
    for attempt in reply.attempts {
        let ended = if attempt.ended.is_empty() { "runs" } else { &attempt.ended };
        let claimed = show::time(attempt.claimed_at_ms).unwrap_or_default();
        text.push_str(&format!("  {}  on {} since {claimed}: {ended}\n", attempt.number, attempt.agent));
    }
    for checkpoint in reply.checkpoints {
        let what = match (checkpoint.stored, checkpoint.resume) {
            (true, true) => "  (stored; to go on from)",
            (true, false) => "  (stored)",
            (false, _) => "",
        };
        text.push_str(&format!("checkpoint  step {}  {}{what}\n", checkpoint.step, checkpoint.path));
    }
    put(&text)
}

async fn list_trials(client: &mut Client, request: v1::ListTrialsRequest) -> Result<Vec<v1::Trial>, Failure> {
    let reply = client.sweeps.list_trials(request).await.map_err(|status| client.failed(&status))?;
    Ok(reply.into_inner().trials)
}

async fn trials(
    client: &mut Client,
    output: Format,
    name: String,
    top: Option<u32>,
    words: &[String],
) -> Done {
    let wanted = states(words, TrialState::of_word, &TrialState::ALL.map(TrialState::word))?;
    let sweep = get_sweep(client, name).await?;
    if top.is_some() {
        pareto::refuse_best(&sweep)?;
    }
    let states = wanted.into_iter().map(|state| v1::TrialState::from(state).into()).collect();
    let request = v1::ListTrialsRequest { sweep: sweep.id.clone(), states, top: top.unwrap_or(0) };
    let trials = list_trials(client, request).await?;
    if trials.is_empty() && output == Format::Table {
        say("no trials match");
        return Ok(());
    }
    put(&render(&show::trials(&trials, &show::objective_names(&sweep)), output, false)?)
}

async fn best(client: &mut Client, output: Format, name: String) -> Done {
    let sweep = get_sweep(client, name).await?;
    pareto::refuse_best(&sweep)?;
    if sweep.objective_name.is_empty() {
        return Err(Failure::new(
            Exit::Nothing,
            format!("sweep {} has no `metric`, so no trial is the best", sweep.id),
        ));
    }
    if sweep.best_objective.is_none() {
        let message = format!(
            "no trial of sweep {} has a finite `{}` yet\n  see them: sweep-ctl trials {}",
            sweep.id, sweep.objective_name, sweep.id
        );
        return Err(Failure::new(Exit::Nothing, message));
    }
    let trial = format!("{}/{}", sweep.id, sweep.best_trial_number);
    if output == Format::Table {
        return show_trial(client, output, trial).await;
    }
    let reply = client
        .sweeps
        .get_trial(v1::GetTrialRequest { trial })
        .await
        .map_err(|status| client.failed(&status))?;
    let trial = present(reply.into_inner().trial)?;
    put(&render(&show::trials(&[trial], &show::objective_names(&sweep)), output, true)?)
}

async fn metrics(client: &mut Client, output: Format, args: MetricsArgs) -> Done {
    let request =
        v1::GetMetricsRequest { trial: args.trial.clone(), names: args.name, max_points: args.points };
    let reply =
        client.sweeps.get_metrics(request).await.map_err(|status| client.failed(&status))?.into_inner();
    let points = show::points(&reply.curves);
    if points.is_empty() && output == Format::Table {
        say(&format!("trial {} has reported no such metrics so far", args.trial));
        return Ok(());
    }
    let mut sheet = show::curves(&points);
    if output == Format::Name {
        // Names of the curves, not one a point.
        let names: Vec<_> = reply.curves.iter().map(|curve| curve.name.clone() + "\n").collect();
        return put(&names.concat());
    }
    sheet.rows = &points;
    put(&render(&sheet, output, false)?)
}

async fn logs(
    client: &mut Client,
    output: Format,
    trial: String,
    tail: Option<u32>,
    attempt: Option<u32>,
) -> Done {
    let request = v1::GetLogsRequest { trial, attempt: attempt.unwrap_or(0), tail: tail.unwrap_or(0) };
    let reply = client.sweeps.get_logs(request).await.map_err(|status| client.failed(&status))?.into_inner();
    let text = |entry: &v1::LogEntry| entry.line.as_ref().map(|line| line.text.clone()).unwrap_or_default();
    if matches!(output, Format::Table | Format::Name) {
        return put(&reply.lines.iter().map(|entry| text(entry) + "\n").collect::<String>());
    }
    let stream =
        |entry: &v1::LogEntry| entry.line.as_ref().map(|line| line.stream.clone()).unwrap_or_default();
    let at = |entry: &v1::LogEntry| show::time(entry.at_ms).unwrap_or_default();
    let columns = || vec![Column::left("at", at), Column::left("stream", stream), Column::left("text", text)];
    let json = |entry: &v1::LogEntry| {
        object([
            ("seq", entry.seq.into()),
            ("at", at(entry).into()),
            ("stream", stream(entry).into()),
            ("text", text(entry).into()),
        ])
    };
    let sheet = Sheet { rows: &reply.lines, table: columns(), csv: columns(), json: &json, name: &text };
    put(&render(&sheet, output, false)?)
}

fn changed(client: &Client, output: Format, reply: Result<Option<v1::Sweep>, tonic::Status>) -> Done {
    let sweep = present(reply.map_err(|status| client.failed(&status))?)?;
    if output != Format::Table {
        return put(&render(&show::sweeps(&[sweep]), output, true)?);
    }
    let active = sweep.counts.unwrap_or_default().active;
    let fate = match (sweep_state_word(sweep.state), active) {
        (_, 0) => String::new(),
        ("paused" | "finished", n) => format!("; {n} running go on to their end"),
        ("cancelled", n) => format!("; {n} running are being killed"),
        _ => String::new(),
    };
    put(&format!("{} {}\n", sweep.id, sweep_state_word(sweep.state)))?;
    if !fate.is_empty() {
        say(&format!("sweep {} is {}{fate}", sweep.id, sweep_state_word(sweep.state)));
    }
    Ok(())
}
