//! One stream of everything that a browser follows.

use std::time::Duration;

use sweep_core::curve::Point;
use sweep_store::{LogEntry, StoreError, Sweep};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::error;

use super::BoardError;
use super::agents::AgentView;
use super::table::Table;
use super::topics::Topic;
use crate::app::App;

/// A stream that has nothing to say says so.
const QUIET: Duration = Duration::from_secs(10);
/// Most things that one stream follows.
pub(crate) const MOST_TOPICS: usize = 64;

/// What a browser follows, and what it holds of it already.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) sweeps: bool,
    pub(crate) agents: bool,
    pub(crate) tables: Vec<FollowedTable>,
    pub(crate) curves: Vec<FollowedCurves>,
    pub(crate) logs: Vec<FollowedLog>,
}

#[derive(Debug)]
pub(crate) struct FollowedTable {
    pub(crate) sweep: String,
    pub(crate) since: u64,
    pub(crate) metrics: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct FollowedCurves {
    /// As it was named, and what that means.
    pub(crate) told: String,
    pub(crate) trial: sweep_store::TrialName,
    pub(crate) metrics: Vec<String>,
    pub(crate) held: Vec<(String, HeldCurve)>,
}

/// How far a curve was told: so many points, and the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldCurve {
    pub(crate) total: u64,
    pub(crate) last_step: u64,
    pub(crate) last_at_ms: i64,
}

#[derive(Debug)]
pub(crate) struct FollowedLog {
    pub(crate) told: String,
    pub(crate) trial: sweep_store::TrialName,
    /// 0: the current one.
    pub(crate) attempt: u32,
    pub(crate) after: u64,
}

/// What the stream says.
#[derive(Debug)]
pub(crate) enum News {
    Sweeps(Vec<Sweep>),
    Agents(Vec<AgentView>),
    Table { sweep: Box<Sweep>, table: Box<Table> },
    Curve(CurveNews),
    Log(LogNews),
    Quiet { change: u64 },
    Refused { what: String, why: String },
}

#[derive(Debug)]
pub(crate) struct CurveNews {
    pub(crate) trial: String,
    pub(crate) metric: String,
    /// Instead of what is held.
    pub(crate) replace: bool,
    pub(crate) points: Vec<Point>,
    pub(crate) held: HeldCurve,
}

#[derive(Debug)]
pub(crate) struct LogNews {
    pub(crate) trial: String,
    pub(crate) attempt: u32,
    pub(crate) lines: Vec<LogEntry>,
    pub(crate) skipped: bool,
    pub(crate) ended: bool,
}

impl Followed {
    pub(crate) fn len(&self) -> usize {
        usize::from(self.sweeps)
            + usize::from(self.agents)
            + self.tables.len()
            + self.curves.len()
            + self.logs.len()
    }

    fn into_topics(self) -> Vec<Slot> {
        let whole = [self.sweeps.then(Topic::sweeps), self.agents.then(Topic::agents)];
        let topics = whole.into_iter().flatten();
        let topics = topics.chain(self.tables.into_iter().map(Topic::table));
        let topics = topics.chain(self.curves.into_iter().map(Topic::curves));
        let topics = topics.chain(self.logs.into_iter().map(Topic::log));
        topics.map(|topic| Slot { topic, due: Instant::now(), seen: None }).collect()
    }
}

/// A topic and when it is looked at next.
struct Slot {
    topic: Topic,
    due: Instant,
    /// The change of the feed that was known at the last look.
    seen: Option<u64>,
}

impl Slot {
    /// When it is looked at next, as long as this is the last change; `None`: not before there is another.
    fn next(&self, change: u64) -> Option<Instant> {
        (self.topic.polls() || self.seen != Some(change)).then_some(self.due)
    }
}

/// Tells what is new until the browser goes away or the server stops.
pub(crate) async fn run(app: App, followed: Followed, sender: mpsc::Sender<News>) {
    let mut feed = app.store.feed();
    let mut slots = followed.into_topics();
    let mut spoke = Instant::now();
    loop {
        // Before the looks: what is committed during one is looked at again.
        let change = *feed.borrow_and_update();
        let mut at = 0;
        while at < slots.len() {
            let slot = &mut slots[at];
            if slot.next(change).is_none_or(|due| due > Instant::now()) {
                at += 1;
                continue;
            }
            let (news, stays) = look(&app, slot, change).await;
            for one in news {
                // A slow browser holds the looks up, and gets later states instead of a longer queue.
                if sender.send(one).await.is_err() {
                    return;
                }
                spoke = Instant::now();
            }
            if stays {
                at += 1;
            } else {
                slots.remove(at);
            }
        }
        if spoke.elapsed() >= QUIET {
            if sender.send(News::Quiet { change }).await.is_err() {
                return;
            }
            spoke = Instant::now();
        }
        let looks: Vec<_> = slots.iter().map(|slot| slot.next(change)).collect();
        let next = looks.iter().flatten().copied().fold(spoke + QUIET, Instant::min);
        // Where all looks have a time already, further changes bring none forward.
        let heeds = looks.iter().any(Option::is_none);
        tokio::select! {
            biased;
            () = app.stop.cancelled() => return,
            () = sender.closed() => return,
            moved = feed.changed(), if heeds => if moved.is_err() { return },
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// What there is to say of a topic, and whether it is followed on.
async fn look(app: &App, slot: &mut Slot, change: u64) -> (Vec<News>, bool) {
    let looked = slot.topic.look(app).await;
    slot.due = Instant::now() + slot.topic.pause();
    match looked {
        Ok(news) => {
            slot.seen = Some(change);
            (news, true)
        }
        Err(BoardError::Store(cause)) if cause.is_the_stores() && !matches!(cause, StoreError::Closed) => {
            error!(error = %cause, "cannot look at what a page follows; trying again");
            (Vec::new(), true)
        }
        Err(cause) => {
            (vec![News::Refused { what: slot.topic.name().to_owned(), why: cause.to_string() }], false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changes_are_numbered_of_waits_for_one_and_the_rest_for_its_time() {
        let due = Instant::now();
        let sweeps = Slot { topic: Topic::sweeps(), due, seen: Some(7) };
        assert_eq!((sweeps.next(7), sweeps.next(8)), (None, Some(due)));
        let agents = Slot { topic: Topic::agents(), due, seen: Some(7) };
        assert_eq!((agents.next(7), agents.next(8)), (Some(due), Some(due)));
        let new = Slot { topic: Topic::sweeps(), due, seen: None };
        assert_eq!(new.next(0), Some(due));
    }
}
