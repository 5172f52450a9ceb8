//! What a page asks: tables, curves of many trials, agents, and one stream of everything that it follows. Numbers are put
//! together by core; here they are fetched, kept for the next question, and cut to what fits.

pub(crate) mod agents;
pub(crate) mod attempts;
pub(crate) mod curves;
pub(crate) mod heard;
pub(crate) mod history;
pub(crate) mod table;
mod topics;
pub(crate) mod watch;

use sweep_store::{StoreError, Sweep};
use thiserror::Error;

pub(crate) use self::curves::Bands;

/// Why a page gets no answer.
#[derive(Debug, Error)]
pub(crate) enum BoardError {
    #[error("sweep {0} has no metric; name one")]
    NoMetric(String),
    #[error("{0}")]
    Asked(String),
    #[error("no agent matches `{0}`")]
    AgentNotFound(String),
    #[error("`{name}` fits several agents: {}", matches.join(", "))]
    AgentAmbiguous { name: String, matches: Vec<String> },
    #[error("a computation broke: {0}")]
    Broken(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) type Result<T> = std::result::Result<T, BoardError>;

/// The metric that is meant: the named one, or what the sweep is after.
fn metric_of(sweep: &Sweep, named: &str) -> Result<String> {
    if !named.is_empty() {
        return Ok(named.to_owned());
    }
    let objective = sweep.objective.as_ref().or(sweep.objectives.first());
    let objective = objective.ok_or_else(|| BoardError::NoMetric(sweep.id.clone()))?;
    Ok(objective.name.clone())
}
