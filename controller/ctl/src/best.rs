//! `best`: the best trials.

use clap::Args;
use sweep_core::objective::Goal;
use sweep_proto::v1;

use crate::args::Format;
use crate::client::Client;
use crate::commands::{get_sweep, list_trials, show_trial};
use crate::exit::{Exit, Failure};
use crate::table::{put, render};
use crate::{pareto, show};

/// Show the best trial of a sweep, or the best few.
///
/// Examples:
///   sweep-ctl best k3x9q2ab
///   sweep-ctl best k3x9q2ab -n 5
///   sweep-ctl best k3x9q2ab -o json | jq .params > best.json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BestArgs {
    #[arg(default_value = "-")]
    sweep: String,
    /// So many, best first, as a table.
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    n: Option<u32>,
    /// By this metric's best value instead of the sweep's own metric, which way is better as there.
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: BestArgs) -> Result<(), Failure> {
    let sweep = get_sweep(client, args.sweep).await?;
    if args.metric.is_none() {
        pareto::refuse_best(&sweep)?;
    }
    if sweep.objective_name.is_empty() {
        return Err(Failure::new(
            Exit::Nothing,
            format!("sweep {} has no `metric`, so no trial is the best", sweep.id),
        ));
    }
    let name = args.metric.unwrap_or_else(|| sweep.objective_name.clone());
    let one = args.n.is_none();
    let found = if one && name == sweep.objective_name {
        // What the controller calls the best.
        match sweep.best_objective {
            Some(_) => vec![client.trial(&format!("{}/{}", sweep.id, sweep.best_trial_number)).await?.0],
            None => Vec::new(),
        }
    } else {
        // As the controller does, among those that run or went well.
        let states = [v1::TrialState::Running, v1::TrialState::Finished, v1::TrialState::StoppedEarly];
        let states = states.map(i32::from).to_vec();
        let request = v1::ListTrialsRequest { sweep: sweep.id.clone(), states, top: 0 };
        let goal = sweep.goal().to_core().unwrap_or(Goal::Minimize);
        let mut found = ranked(list_trials(client, request).await?, &name, goal);
        found.truncate(args.n.unwrap_or(1) as usize);
        found
    };
    if found.is_empty() {
        let id = &sweep.id;
        let message = format!(
            "no trial of sweep {id} has a finite `{name}` yet, so none is the best\n  see them: sweep-ctl trials {id}"
        );
        return Err(Failure::new(Exit::Nothing, message));
    }
    if one && output == Format::Table {
        return show_trial(client, output, show::trial_id(&found[0])).await;
    }
    put(&render(&show::trials(&found, &show::objective_names(&sweep)), output, one)?)
}

/// Trials that have a metric, by its best value.
fn ranked(trials: Vec<v1::Trial>, name: &str, goal: Goal) -> Vec<v1::Trial> {
    let best = |trial: &v1::Trial| {
        let metric = trial.metrics.iter().find(|metric| metric.name == name && metric.count > 0)?;
        Some(if goal == Goal::Maximize { -metric.max } else { metric.min })
    };
    let mut with: Vec<_> = trials.into_iter().filter_map(|trial| Some((best(&trial)?, trial))).collect();
    with.sort_by(|(a, x), (b, y)| a.total_cmp(b).then(x.number.cmp(&y.number)));
    with.into_iter().map(|(_, trial)| trial).collect()
}
