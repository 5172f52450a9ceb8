//! What each command does: ask, render, print.

use sweep_core::spec;
use sweep_core::sweep::SweepState;
use sweep_core::trial::TrialState;
use sweep_proto::convert::{sweep_state_word, trial_state_word};
use sweep_proto::v1;
use uuid::Uuid;

use crate::args::{Cli, Command, Format, MetricsArgs, TrialsArgs};
use crate::client::{Client, present};
use crate::exit::{Exit, Failure};
use crate::table::{Sheet, put, render, say};
use crate::{
    again, agent, annotate, ask_tell, best, completions, context, doctor, explain, export, filter,
    importance, local, logs, media, model, open, pareto, plot, predict, replay, report, set, show, simulate,
    top, trial, wait, watch,
};

type Done = Result<(), Failure>;

pub(crate) async fn run(cli: Cli) -> Done {
    let Cli { server, context, output, command } = cli;
    let given = context::Given {
        server,
        context,
        env_server: variable("SWEEP_SERVER"),
        env_context: variable("SWEEP_CONTEXT"),
    };
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
            return create(&context::settings(&given)?.server, output, request).await;
        }
        Command::Validate { files } => return local::validate(output, files),
        Command::Plan { file, count, seed, set } => {
            let text = set::apply(local::read_file(file)?, &set.set)?;
            return local::plan(output, &file.display().to_string(), &text, *count, *seed);
        }
        Command::Explain { path } => return explain::explain(output, path.as_deref()),
        Command::Schema => return explain::schema(),
        Command::AskTell { file, seed, set } => {
            let text = set::apply(local::read_file(file)?, &set.set)?;
            return ask_tell::run(&file.display().to_string(), &text, *seed);
        }
        Command::Simulate(args) => {
            return simulate::run(&context::settings(&given)?.server.value, output, args).await;
        }
        Command::Completions(args) => return completions::completions(args),
        Command::Man(args) => return completions::man(args),
        Command::Config(args) => return context::config(output, &given, args),
        Command::Doctor(_) => return doctor::run(output, &given).await,
        _ => {}
    }
    if let Command::Context(args) = command {
        return context::context(output, &given, args);
    }
    let mut client = Client::connect(&context::settings(&given)?.server.value).await?;
    match command {
        // Done above, without a controller or before one is needed.
        Command::Create { .. }
        | Command::Validate { .. }
        | Command::Plan { .. }
        | Command::Explain { .. }
        | Command::Schema
        | Command::AskTell { .. }
        | Command::Simulate(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Config(_)
        | Command::Doctor(_)
        | Command::Context(_) => Ok(()),
        Command::Curves { sweep, metric } => {
            put(&simulate::curves::record(&mut client, sweep, metric.as_deref()).await?.print()?)
        }
        Command::List { state, project } => list(&mut client, output, &state, project).await,
        Command::Show { what } if what.contains('/') => show_trial(&mut client, output, what).await,
        Command::Show { what } => show_sweep(&mut client, output, what).await,
        Command::Trials(args) => trials(&mut client, output, args).await,
        Command::Note(args) => annotate::note(&mut client, output, args).await,
        Command::Tag(args) => annotate::tag(&mut client, output, args).await,
        Command::Media(args) => media::run(&mut client, output, args).await,
        Command::Model(args) => model::run(&mut client, output, args).await,
        Command::Predict(args) => predict::run(&mut client, output, args).await,
        Command::Trial(args) => trial::run(&mut client, output, args).await,
        Command::Best(args) => best::run(&mut client, output, args).await,
        Command::Wait(args) => wait::run(&mut client, output, args).await,
        Command::Retry(args) => again::retry(&mut client, output, args).await,
        Command::Extend(args) => again::extend(&mut client, output, args).await,
        Command::Export(args) => export::run(&mut client, output, args).await,
        Command::Plot(args) => plot::run(&mut client, output, args).await,
        Command::Report(args) => report::run(&mut client, output, args).await,
        Command::Top(args) => top::run(&mut client, output, args).await,
        Command::Agent(args) => agent::run(&mut client, output, args).await,
        Command::Open(args) => open::run(&mut client, output, args).await,
        Command::Pareto { sweep, reference } => {
            let (sweep, trials) = sweep_and_trials(&mut client, sweep).await?;
            pareto::pareto(output, &sweep, &trials, &reference)
        }
        Command::Replay { sweep } => {
            let (sweep, trials) = sweep_and_trials(&mut client, sweep).await?;
            let judgements = list_judgements(&mut client, &sweep.id).await?;
            let asked = v1::GetSweepRequest { sweep: sweep.id.clone() };
            let reply = client.sweeps.get_sweep(asked).await.map_err(|status| client.failed(&status))?;
            replay::replay(output, &sweep, &trials, &judgements, &reply.into_inner().prior_json)
        }
        Command::Importance { sweep } => {
            let (sweep, trials) = sweep_and_trials(&mut client, sweep).await?;
            importance::importance(output, &sweep, &trials)
        }
        Command::Metrics(args) => metrics(&mut client, output, args).await,
        Command::Logs(args) => logs::run(&mut client, output, args).await,
        Command::Watch(args) => watch::run(&mut client, output, args).await,
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

/// A variable of the environment that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn create(server: &context::Setting, output: Format, request: v1::CreateSweepRequest) -> Done {
    // The same check as the controller's, so a mistake is shown even while no controller runs.
    let parsed = spec::parse(&request.text);
    local::check(&parsed, &request.file_name, &request.text)?;
    let mut client = Client::connect(&server.value).await?;
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
    // What this shell has, the next commands have as well.
    let flag = match server.origin {
        context::Origin::Default | context::Origin::Environment(_) => String::new(),
        context::Origin::Flag | context::Origin::File(_) => format!(" --server {}", server.value),
    };
    say(&format!(
        "created sweep {id}{shown}  ({method}, {planned}, seed {seed})\n  run its trials: sweep-agent {id}{flag}\n  watch it:       sweep-ctl watch {id}{flag}",
        id = sweep.id,
        method = sweep.method,
        seed = sweep.seed,
    ));
    Ok(())
}

/// States by word, for a filter.
pub(crate) fn states<T: Copy>(
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

pub(crate) async fn get_sweep(client: &mut Client, sweep: String) -> Result<v1::Sweep, Failure> {
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

pub(crate) async fn show_trial(client: &mut Client, output: Format, trial: String) -> Done {
    let (trial, reply) = client.trial(&trial).await?;
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
    text.push_str(&show::noted(&trial.note, &trial.tags));
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

pub(crate) async fn list_trials(
    client: &mut Client,
    request: v1::ListTrialsRequest,
) -> Result<Vec<v1::Trial>, Failure> {
    let reply = client.sweeps.list_trials(request).await.map_err(|status| client.failed(&status))?;
    Ok(reply.into_inner().trials)
}

/// What the stop rule of a sweep said, in the order it did.
async fn list_judgements(client: &mut Client, sweep: &str) -> Result<Vec<v1::Judgement>, Failure> {
    let request = v1::ListJudgementsRequest { sweep: sweep.to_owned() };
    let reply = client.sweeps.list_judgements(request).await.map_err(|status| client.failed(&status))?;
    let mut pieces = reply.into_inner();
    let mut judgements = Vec::new();
    while let Some(piece) = pieces.message().await.map_err(|status| client.failed(&status))? {
        judgements.extend(piece.judgements);
    }
    Ok(judgements)
}

async fn sweep_and_trials(
    client: &mut Client,
    sweep: String,
) -> Result<(v1::Sweep, Vec<v1::Trial>), Failure> {
    let sweep = get_sweep(client, sweep).await?;
    let request = v1::ListTrialsRequest { sweep: sweep.id.clone(), ..Default::default() };
    let trials = list_trials(client, request).await?;
    Ok((sweep, trials))
}

async fn trials(client: &mut Client, output: Format, args: TrialsArgs) -> Done {
    let TrialsArgs { sweep, top, state, filter, sort } = args;
    let wanted = states(&state, TrialState::of_word, &TrialState::ALL.map(TrialState::word))?;
    let sweep = get_sweep(client, sweep).await?;
    if top.is_some() {
        pareto::refuse_best(&sweep)?;
    }
    let states = wanted.into_iter().map(|state| v1::TrialState::from(state).into()).collect();
    // What is left out or put in another order here is not cut off there.
    let cut = if filter.is_none() && sort.is_none() { top } else { None };
    let ranked = if sort.is_none() { top.map(|_| cut.unwrap_or(u32::MAX)) } else { None };
    let request = v1::ListTrialsRequest { sweep: sweep.id.clone(), states, top: ranked.unwrap_or(0) };
    let mut trials = list_trials(client, request).await?;
    if let Some(filter) = &filter {
        filter::keep(&mut trials, filter)?;
    }
    if let Some(key) = &sort {
        filter::sort(&mut trials, key)?;
    }
    trials.truncate(top.map_or(usize::MAX, |top| top as usize));
    if trials.is_empty() && output == Format::Table {
        say("no trials match");
        return Ok(());
    }
    put(&render(&show::trials(&trials, &show::objective_names(&sweep)), output, false)?)
}

pub(crate) async fn metrics(client: &mut Client, output: Format, args: MetricsArgs) -> Done {
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
