//! Agents as people see them, and what people want of them.

use sweep_store::{AgentRow, AgentWish, AgentWishKind, Awaited};

use super::{BoardError, Result};
use crate::app::App;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AgentState {
    Active,
    Drained,
    Quarantined,
    Benched,
}

/// An agent, and how it stands now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AgentView {
    pub(crate) row: AgentRow,
    pub(crate) state: AgentState,
    /// Empty when active.
    pub(crate) reason: String,
    /// Until when it is benched.
    pub(crate) until_ms: Option<i64>,
    pub(crate) seen_ms: i64,
}

/// All agents, the one heard of last first.
pub(crate) async fn list(app: &App) -> Result<Vec<AgentView>> {
    let mut agents: Vec<_> = app.store.agents().await?.into_iter().map(|row| view(app, row)).collect();
    // A stable sort: of one moment they stay by name.
    agents.sort_by_key(|agent| std::cmp::Reverse(agent.seen_ms));
    Ok(agents)
}

fn view(app: &App, row: AgentRow) -> AgentView {
    let heard = app.heard.at_ms(row.agent.id).unwrap_or_default();
    let seen_ms = row.seen_at_ms.max(row.registered_at_ms).max(heard);
    let (state, reason, until_ms) = match (&row.wish, &row.benched) {
        (Some(AgentWish { kind: AgentWishKind::Drain, reason }), _) => {
            (AgentState::Drained, reason.clone(), None)
        }
        (Some(AgentWish { kind: AgentWishKind::Quarantine, reason }), _) => {
            (AgentState::Quarantined, reason.clone(), None)
        }
        (None, Some((until, reason))) if *until > app.clock.now_ms() => {
            (AgentState::Benched, reason.clone(), Some(*until))
        }
        _ => (AgentState::Active, String::new(), None),
    };
    AgentView { row, state, reason, until_ms, seen_ms }
}

/// The agent that is meant by a UUID, the beginning of one, or a name.
async fn find(app: &App, name: &str) -> Result<AgentView> {
    let agents = list(app).await?;
    let fits = |agent: &AgentView| {
        let id = agent.row.agent.id.to_string();
        !name.is_empty() && (agent.row.agent.name == name || id.starts_with(&name.to_lowercase()))
    };
    let mut found: Vec<AgentView> = agents.into_iter().filter(fits).collect();
    match found.len() {
        0 => Err(BoardError::AgentNotFound(name.to_owned())),
        1 => Ok(found.remove(0)),
        _ => Err(BoardError::AgentAmbiguous {
            name: name.to_owned(),
            matches: found.iter().map(|agent| agent.row.agent.id.to_string()).collect(),
        }),
    }
}

/// Notes what a person wants of an agent; to be quarantined takes away what it runs. The agent as it is then, and which
/// trials were taken. The same again changes nothing more.
pub(crate) async fn want(app: &App, name: &str, wish: Option<AgentWish>) -> Result<(AgentView, Vec<String>)> {
    let agent = find(app, name).await?.row.agent;
    app.store.agent_wish(agent.id, wish.clone()).await?;
    let mut taken = Vec::new();
    if let Some(wish) = wish.filter(|wish| wish.kind == AgentWishKind::Quarantine) {
        // Asked once no claim gives it any more.
        let reason = format!("agent {} was {wish}", agent.name);
        let trials = app.store.agents().await?.into_iter().filter(|row| row.agent.id == agent.id);
        for trial in trials.flat_map(|row| row.trials) {
            if let Some(finished) = app.store.attempt_take(trial.key, &reason, app.clock.now_ms()).await? {
                app.settled(&finished);
                taken.push(format!("{}/{}", trial.sweep, trial.number));
            }
        }
        // Who runs them is to know.
        app.store.attend(Awaited::Verdict);
    }
    app.store.attend(Awaited::Trial);
    let mut agents = list(app).await?.into_iter();
    let after = agents.rfind(|one| one.row.agent.id == agent.id);
    let after = after.ok_or_else(|| BoardError::AgentNotFound(name.to_owned()))?;
    Ok((after, taken))
}
