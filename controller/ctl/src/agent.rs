//! `agent`: the machines, and who of them gets trials.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use sweep_proto::v1;

use crate::args::Format;
use crate::client::{Client, present};
use crate::exit::Failure;
use crate::show;
use crate::table::{Column, Sheet, object, put, render, say};

/// List agents, and say which of them get trials.
///
/// Examples:
///   sweep-ctl agent list
///   sweep-ctl agent drain gpu-box-3 --reason 'new driver'
///   sweep-ctl agent resume gpu-box-3
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AgentArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List every agent that ever registered, the one heard of last first.
    ///
    /// Examples:
    ///   sweep-ctl agent list
    ///   sweep-ctl agent list -o json | jq -r '.[] | select(.state == "benched").name'
    #[command(visible_alias = "ls", verbatim_doc_comment)]
    List,
    /// Give an agent no new trials; those that it runs go on to their ends.
    ///
    /// Examples:
    ///   sweep-ctl agent drain gpu-box-3
    ///   sweep-ctl agent drain gpu-box-3 --reason 'new driver'
    #[command(verbatim_doc_comment)]
    Drain {
        #[command(flatten)]
        named: Named,
        /// For whoever finds the agent so.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Give an agent no new trials, and take away those that it runs: they are queued again, with their budgets as they were.
    ///
    /// Examples:
    ///   sweep-ctl agent quarantine gpu-box-3 --reason 'ECC errors'
    #[command(verbatim_doc_comment)]
    Quarantine {
        #[command(flatten)]
        named: Named,
        /// For whoever finds the agent so.
        #[arg(long)]
        reason: String,
    },
    /// Give an agent trials again that was drained, quarantined or benched.
    ///
    /// Examples:
    ///   sweep-ctl agent resume gpu-box-3
    #[command(verbatim_doc_comment)]
    Resume {
        #[command(flatten)]
        named: Named,
    },
}

#[derive(Debug, Args)]
struct Named {
    /// Its name if no other has it, its id, or the first letters of that.
    agent: String,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: AgentArgs) -> Result<(), Failure> {
    match args.verb {
        Verb::List => list(client, output).await,
        Verb::Drain { named, reason } => {
            let request = v1::DrainAgentRequest { agent: named.agent, reason };
            let reply = client.dashboard.drain_agent(request).await;
            let agent = present(reply.map_err(|status| client.failed(&status))?.into_inner().agent)?;
            let runs = agent.trials.len();
            changed(output, agent, &format!("it gets no new trials; {runs} that it runs go on to their ends"))
        }
        Verb::Quarantine { named, reason } => {
            let request = v1::QuarantineAgentRequest { agent: named.agent, reason };
            let reply = client.dashboard.quarantine_agent(request).await;
            let v1::QuarantineAgentResponse { agent, taken } =
                reply.map_err(|status| client.failed(&status))?.into_inner();
            let taken = match &*taken {
                [] => "it ran none".to_owned(),
                taken => format!("queued again: {}", taken.join(", ")),
            };
            changed(output, present(agent)?, &format!("it gets no trials; {taken}"))
        }
        Verb::Resume { named } => {
            let request = v1::ResumeAgentRequest { agent: named.agent };
            let reply = client.dashboard.resume_agent(request).await;
            let agent = present(reply.map_err(|status| client.failed(&status))?.into_inner().agent)?;
            changed(output, agent, "it gets trials when it asks")
        }
    }
}

async fn list(client: &mut Client, output: Format) -> Result<(), Failure> {
    let reply = client.dashboard.list_agents(v1::ListAgentsRequest {}).await;
    let agents = reply.map_err(|status| client.failed(&status))?.into_inner().agents;
    if agents.is_empty() && output == Format::Table {
        say("no agents yet; start one on a machine: sweep-agent SWEEP");
        return Ok(());
    }
    put(&render(&sheet(&agents), output, false)?)
}

fn changed(output: Format, agent: v1::AgentInfo, what: &str) -> Result<(), Failure> {
    if output != Format::Table {
        return put(&render(&sheet(&[agent]), output, true)?);
    }
    put(&format!("{} {}\n", agent.name, state(&agent)))?;
    say(&format!("agent {} is {}: {what}", agent.name, state(&agent)));
    Ok(())
}

fn state(agent: &v1::AgentInfo) -> &'static str {
    match agent.state() {
        v1::AgentState::Active => "active",
        v1::AgentState::Drained => "drained",
        v1::AgentState::Quarantined => "quarantined",
        v1::AgentState::Benched => "benched",
        v1::AgentState::Unspecified => "unknown",
    }
}

fn trials(agent: &v1::AgentInfo) -> Vec<String> {
    agent.trials.iter().map(|trial| format!("{}/{}", trial.sweep, trial.number)).collect()
}

fn seen(agent: &v1::AgentInfo) -> String {
    show::time(agent.last_seen_ms).unwrap_or_default()
}

fn sheet(agents: &[v1::AgentInfo]) -> Sheet<'_, v1::AgentInfo> {
    let columns = || {
        vec![
            Column::left("name", |agent: &v1::AgentInfo| agent.name.clone()),
            Column::left("state", |agent: &v1::AgentInfo| state(agent).to_owned()),
            Column::right("slots", |agent: &v1::AgentInfo| agent.slots.to_string()),
            Column::left("devices", |agent: &v1::AgentInfo| agent.devices.join(",")),
            Column::left("trials", |agent: &v1::AgentInfo| trials(agent).join(",")),
            Column::left("last_seen", seen),
            Column::left("reason", |agent: &v1::AgentInfo| agent.reason.clone()),
        ]
    };
    let mut csv = vec![Column::left("id", |agent: &v1::AgentInfo| agent.id.clone())];
    csv.extend(columns());
    Sheet { rows: agents, table: columns(), csv, json: &agent_json, name: &|agent| agent.id.clone() }
}

fn agent_json(agent: &v1::AgentInfo) -> Value {
    let time = |ms: i64| show::time(ms).map_or(Value::Null, Value::from);
    let labels: Map<String, Value> =
        agent.labels.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    object([
        ("id", agent.id.clone().into()),
        ("name", agent.name.clone().into()),
        ("host", agent.host.clone().into()),
        ("version", agent.version.clone().into()),
        ("state", state(agent).into()),
        ("reason", agent.reason.clone().into()),
        ("until", time(agent.until_ms)),
        ("slots", agent.slots.into()),
        ("devices", agent.devices.clone().into()),
        ("labels", labels.into()),
        ("trials", trials(agent).into()),
        ("registered_at", time(agent.registered_at_ms)),
        ("last_seen", time(agent.last_seen_ms)),
    ])
}
