//! What can be followed: each topic knows what it told, and says what is new.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use sweep_core::curve::{Point, thin};
use sweep_core::trial::TrialState;
use sweep_store::{LogEntry, Sweep, TrialBrief, TrialName};

use super::Result;
use super::agents::{self, AgentView};
use super::curves::MOST_POINTS;
use super::table;
use super::watch::{CurveNews, FollowedCurves, FollowedLog, FollowedTable, HeldCurve, LogNews, News};
use crate::app::App;

/// Four messages a second at most.
const PAUSE: Duration = Duration::from_millis(250);
/// Lists are asked for as a whole, so more rarely.
const PAUSE_OF_LISTS: Duration = Duration::from_secs(1);
/// Most lines of one message.
const MOST_LINES: usize = 1_000;
/// Most bytes of text in one message of lines.
const MOST_TEXT: usize = 1_000_000;

pub(super) enum Topic {
    /// What was told of each; `None`: nothing yet, not even that there are none.
    Sweeps(Option<HashMap<String, Sweep>>),
    Agents(Option<HashMap<uuid::Uuid, AgentView>>),
    Table(Box<TableTopic>),
    Curves(CurvesTopic),
    Log(LogTopic),
}

impl Topic {
    pub(super) fn sweeps() -> Self {
        Self::Sweeps(None)
    }

    pub(super) fn agents() -> Self {
        Self::Agents(None)
    }

    pub(super) fn table(followed: FollowedTable) -> Self {
        Self::Table(Box::new(TableTopic { followed, told: None }))
    }

    pub(super) fn curves(followed: FollowedCurves) -> Self {
        let FollowedCurves { told: name, trial, metrics, held } = followed;
        let held = held.into_iter().map(|(metric, held)| (metric, Told { held, points: 0 })).collect();
        Self::Curves(CurvesTopic { name, trial, metrics, told: held, changed: None })
    }

    pub(super) fn log(followed: FollowedLog) -> Self {
        let FollowedLog { told: name, trial, attempt, after } = followed;
        let current = attempt == 0;
        Self::Log(LogTopic { name, trial, current, attempt, after, began: false, ended: false })
    }

    /// The sweep or trial, as it was named.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Sweeps(_) => "sweeps",
            Self::Agents(_) => "agents",
            Self::Table(topic) => &topic.followed.sweep,
            Self::Curves(topic) => &topic.name,
            Self::Log(topic) => &topic.name,
        }
    }

    pub(super) fn pause(&self) -> Duration {
        match self {
            Self::Sweeps(_) | Self::Agents(_) => PAUSE_OF_LISTS,
            _ => PAUSE,
        }
    }

    /// Whether there may be news though no change was numbered.
    pub(super) fn polls(&self) -> bool {
        matches!(self, Self::Agents(_) | Self::Log(_))
    }

    /// What is new since the last look.
    pub(super) async fn look(&mut self, app: &App) -> Result<Vec<News>> {
        match self {
            Self::Sweeps(told) => {
                let new = newer(told, app.store.sweep_list().await?, |sweep| sweep.id.clone());
                Ok(new.map(News::Sweeps).into_iter().collect())
            }
            Self::Agents(told) => {
                let new = newer(told, agents::list(app).await?, |agent| agent.row.agent.id);
                Ok(new.map(News::Agents).into_iter().collect())
            }
            Self::Table(topic) => topic.look(app).await,
            Self::Curves(topic) => topic.look(app).await,
            Self::Log(topic) => topic.look(app).await,
        }
    }
}

/// Those of a list that were not told as they are now; at first all, also none.
fn newer<K, V>(told: &mut Option<HashMap<K, V>>, all: Vec<V>, key: impl Fn(&V) -> K) -> Option<Vec<V>>
where
    K: Eq + Hash,
    V: Clone + PartialEq,
{
    let first = told.is_none();
    let told = told.get_or_insert_default();
    let new: Vec<V> = all.into_iter().filter(|one| told.get(&key(one)) != Some(one)).collect();
    told.extend(new.iter().map(|one| (key(one), one.clone())));
    (first || !new.is_empty()).then_some(new)
}

pub(super) struct TableTopic {
    followed: FollowedTable,
    /// The sweep as it was told last.
    told: Option<Sweep>,
}

impl TableTopic {
    async fn look(&mut self, app: &App) -> Result<Vec<News>> {
        let mut sweep = app.store.sweep_find(&self.followed.sweep).await?;
        sweep.text = String::new();
        let mut news = Vec::new();
        let (since, mut after) = (self.followed.since, 0);
        loop {
            let table = table::table(app, &sweep, since, after, &self.followed.metrics).await?;
            let (more, last) = (table.more, table.last_number);
            if after == 0 {
                self.followed.since = table.change;
            }
            if !table.states.is_empty() || self.told.as_ref() != Some(&sweep) {
                news.push(News::Table { sweep: Box::new(sweep.clone()), table: Box::new(table) });
                self.told = Some(sweep.clone());
            }
            if !more {
                return Ok(news);
            }
            after = last;
        }
    }
}

/// What was told of a curve.
struct Told {
    held: HeldCurve,
    /// Points that the browser has since the curve was told anew.
    points: usize,
}

pub(super) struct CurvesTopic {
    name: String,
    trial: TrialName,
    metrics: Vec<String>,
    told: HashMap<String, Told>,
    /// The trial's last change that was told.
    changed: Option<u64>,
}

impl CurvesTopic {
    async fn look(&mut self, app: &App) -> Result<Vec<News>> {
        let trial = app.store.trial_brief(&self.trial).await?;
        if self.changed == Some(trial.changed) {
            return Ok(Vec::new());
        }
        let curves = app.store.curves(trial.id, &self.metrics).await?;
        self.changed = Some(trial.changed);
        let mut news = Vec::new();
        // Of a trial that begins again nothing is visible at first.
        let gone: Vec<String> =
            self.told.keys().filter(|name| curves.iter().all(|(other, _)| other != *name)).cloned().collect();
        for metric in gone {
            self.told.remove(&metric);
            news.push(self.news(
                metric,
                true,
                Vec::new(),
                HeldCurve { total: 0, last_step: 0, last_at_ms: 0 },
            ));
        }
        for (metric, points) in curves {
            let held = self.told.get(&metric);
            let Some((replace, new)) = added(held, &points) else { continue };
            let before = if replace { 0 } else { held.map_or(0, |told| told.points) };
            let held = end_of(&points);
            self.told.insert(metric.clone(), Told { held, points: before + new.len() });
            news.push(self.news(metric, replace, new, held));
        }
        Ok(news)
    }

    fn news(&self, metric: String, replace: bool, points: Vec<Point>, held: HeldCurve) -> News {
        News::Curve(CurveNews { trial: self.name.clone(), metric, replace, points, held })
    }
}

fn end_of(points: &[Point]) -> HeldCurve {
    let last = points.last();
    HeldCurve {
        total: points.len() as u64,
        last_step: last.map_or(0, |point| point.step),
        last_at_ms: last.map_or(0, |point| point.at_ms),
    }
}

/// What is to be said of a curve, and whether it takes the place of what is held: the points that follow what was told, or all
/// of them where that is not their beginning any more, or has become too much. `None`: nothing is new.
fn added(told: Option<&Told>, points: &[Point]) -> Option<(bool, Vec<Point>)> {
    let Some(told) = told else { return Some((true, thin(points, MOST_POINTS))) };
    let before = usize::try_from(told.held.total).ok().filter(|total| *total <= points.len());
    let before = before.filter(|&total| end_of(&points[..total]) == told.held);
    match before.map(|total| &points[total..]) {
        Some([]) => None,
        Some(new) if told.points + new.len() <= 2 * MOST_POINTS => Some((false, thin(new, MOST_POINTS))),
        _ => Some((true, thin(points, MOST_POINTS))),
    }
}

pub(super) struct LogTopic {
    name: String,
    trial: TrialName,
    /// Whether the current attempt is followed, whichever that is.
    current: bool,
    /// 0: none yet.
    attempt: u32,
    after: u64,
    /// Something was told.
    began: bool,
    /// The end was told.
    ended: bool,
}

impl LogTopic {
    async fn look(&mut self, app: &App) -> Result<Vec<News>> {
        // Before the lines: of an attempt that had ended by then, these are all.
        let trial = app.store.trial_brief(&self.trial).await?;
        if self.current && trial.attempt != self.attempt {
            // What is held may be of this attempt, when the stream begins with it.
            let goes_on = self.attempt == 0 && self.after > 0;
            self.attempt = trial.attempt;
            self.after = if goes_on { self.after } else { 0 };
            self.ended = false;
        }
        if self.attempt == 0 || self.ended {
            return Ok(Vec::new());
        }
        let ended = has_ended(&trial, self.attempt);
        let lines = app.store.log_lines(trial.id, self.attempt, self.after, Some(MOST_LINES + 1)).await?;
        let (lines, skipped) = last(lines);
        if lines.is_empty() && !ended && self.began {
            return Ok(Vec::new());
        }
        self.began = true;
        self.ended = ended;
        self.after = lines.last().map_or(self.after, |line| line.seq);
        let (trial, attempt) = (self.name.clone(), self.attempt);
        Ok(vec![News::Log(LogNews { trial, attempt, lines, skipped, ended })])
    }
}

fn has_ended(trial: &TrialBrief, attempt: u32) -> bool {
    attempt < trial.attempt || !matches!(trial.state, TrialState::Leased | TrialState::Running)
}

/// The last lines, as many as one message has room for, and whether there were more.
fn last(mut lines: Vec<LogEntry>) -> (Vec<LogEntry>, bool) {
    let mut text = 0;
    let fitting = lines.iter().rev().take(MOST_LINES).take_while(|entry| {
        text += entry.line.text.len() + 32;
        text <= MOST_TEXT
    });
    // One line always goes: a page without it would ask for it for ever.
    let first = lines.len() - fitting.count().max(1).min(lines.len());
    (lines.split_off(first), first > 0)
}

#[cfg(test)]
mod tests {
    use sweep_store::LogLine;

    use super::*;

    fn curve(steps: std::ops::Range<u64>) -> Vec<Point> {
        steps.map(|step| Point { step, epoch: f64::NAN, at_ms: step.cast_signed(), value: 0.5 }).collect()
    }

    #[test]
    fn of_a_list_only_what_is_new_is_told() {
        let mut told = None;
        let mut tell = |all: &[(u8, char)]| newer(&mut told, all.to_vec(), |one| one.0);
        assert_eq!(tell(&[]), Some(vec![]), "that there is none is told once");
        assert_eq!(tell(&[]), None);
        assert_eq!(tell(&[(1, 'a'), (2, 'b')]), Some(vec![(1, 'a'), (2, 'b')]));
        assert_eq!(tell(&[(1, 'c'), (2, 'b')]), Some(vec![(1, 'c')]));
        assert_eq!(tell(&[(1, 'c'), (2, 'b')]), None);
    }

    #[test]
    fn a_curve_is_told_once_and_then_what_follows() {
        let points = curve(0..10);
        let (replace, new) = added(None, &points).expect("is new");
        assert!(replace && new.len() == 10);
        let told = Told { held: end_of(&points), points: 10 };
        assert!(added(Some(&told), &points).is_none());
        let (replace, new) = added(Some(&told), &curve(0..13)).expect("is more");
        assert!(!replace && new.iter().map(|point| point.step).eq(10..13));
    }

    #[test]
    fn a_curve_that_is_another_or_too_long_is_told_anew() {
        let told = Told { held: end_of(&curve(0..10)), points: 10 };
        let (replace, new) = added(Some(&told), &curve(0..5)).expect("is another");
        assert!(replace && new.len() == 5, "it is shorter");
        let mut again = curve(0..12);
        again[9].at_ms = 99;
        assert!(added(Some(&told), &again).expect("is another").0, "its last point was made again");
        let told = Told { held: end_of(&curve(0..10)), points: 2 * MOST_POINTS };
        let (replace, new) = added(Some(&told), &curve(0..5_000)).expect("is long");
        assert!(replace && new.len() <= MOST_POINTS);
    }

    #[test]
    fn of_many_lines_the_last_are_told() {
        let line = |seq, text: &str| LogEntry {
            seq,
            at_ms: 0,
            line: LogLine { stream: "stdout".to_owned(), text: text.to_owned() },
        };
        let (kept, skipped) = last((1..=MOST_LINES as u64 + 1).map(|seq| line(seq, "a")).collect());
        assert_eq!((kept.len(), kept[0].seq, skipped), (MOST_LINES, 2, true));
        let long = "x".repeat(MOST_TEXT);
        let (kept, skipped) = last(vec![line(1, "a"), line(2, &long)]);
        assert_eq!((kept.len(), kept[0].seq, skipped), (1, 2, true));
        assert_eq!(last(Vec::new()), (Vec::new(), false));
    }
}
