//! `ask-tell`: the search of a sweep file for any program, by lines of JSON.
//!
//! A session is what a controller is to a sweep, without one: it proposes by what it was told, judges by the file's rule, and
//! holds and promotes trials. Its answers are a function of the file, the seed and the lines so far.

mod line;

use std::io::{BufRead as _, ErrorKind};

use serde_json::{Map, Value, json};
use sweep_core::objective::Goal;
use sweep_core::search::{History, Proposal, Proposer, Recorded, Why};
use sweep_core::spec::{self, SweepSpec};
use sweep_core::stop::{Judge, Point, Record, Rungs, Seen, Spent, Verdict, sweep};
use sweep_core::trial::TrialState;
use uuid::Uuid;

use crate::exit::{Exit, Failure};
use crate::local;
use crate::show::real;
use crate::table::{put, say};
use line::{Line, Tell};

/// Reads lines to their end, and answers each.
pub(crate) fn run(file: &str, text: &str, seed: Option<u64>) -> Result<(), Failure> {
    let spec = local::check(&spec::parse(text), file, text)?;
    if spec.objectives().len() > 1 {
        let message = format!("{file}: ask-tell takes one value a trial, and the file has several `metrics`");
        return Err(Failure::new(Exit::Usage, format!("{message}\n  name one `metric`")));
    }
    let given = seed.or(spec.seed);
    let seed = given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0 >> 32);
    if given.is_none() {
        say(&format!("{file}: seed {seed}, chosen now"));
    }
    if spec.stop.time.is_some() || spec.stop.device_time.is_some() || spec.stop.deadline.is_some() {
        say(&format!(
            "{file}: nobody looks at a clock here: of `stop`, time, device_time and deadline are yours to obey"
        ));
    }
    let mut session = Session::new(spec, seed);
    for (number, line) in (1_u64..).zip(std::io::stdin().lock().lines()) {
        let answers = match line {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => session.answer(&line),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err("the line is not UTF-8".to_owned()),
            Err(error) => {
                return Err(Failure::new(Exit::Unexpected, format!("cannot read standard input: {error}")));
            }
        };
        let answers = answers.unwrap_or_else(|error| vec![json!({"error": error, "line": number})]);
        put(&answers.iter().map(|answer| answer.to_string() + "\n").collect::<String>())?;
    }
    Ok(())
}

/// A trial that was asked for.
#[derive(Debug)]
struct Trial {
    recorded: Recorded,
    why: Why,
    /// Values told of it.
    points: u64,
    verdict: Verdict,
}

/// All that was asked and told.
#[derive(Debug)]
struct Session {
    spec: SweepSpec,
    seed: u64,
    proposer: Proposer,
    judge: Option<Judge>,
    rungs: Rungs,
    record: Record,
    trials: Vec<Trial>,
    /// Why no new trials are proposed.
    over: Option<String>,
    /// Whether the file's `stop` or `metric.target` said so: then held trials do not go on either.
    stopped: bool,
}

impl Session {
    fn new(spec: SweepSpec, seed: u64) -> Self {
        Self {
            judge: spec.judge(),
            spec,
            seed,
            proposer: Proposer::default(),
            rungs: Rungs::default(),
            record: Record::default(),
            trials: Vec::new(),
            over: None,
            stopped: false,
        }
    }

    fn goal(&self) -> Goal {
        self.spec.metric.as_ref().map_or(Goal::Minimize, |metric| metric.goal)
    }

    /// What is said to a line; an error changes nothing.
    fn answer(&mut self, line: &str) -> Result<Vec<Value>, String> {
        match Line::parse(line)? {
            Line::Ask(count) => Ok(self.ask(count)),
            Line::Tell(tell) => Ok(vec![self.tell(&tell)?]),
        }
    }

    /// As many trials, or why there are no more.
    fn ask(&mut self, count: u64) -> Vec<Value> {
        let mut answers = Vec::new();
        for _ in 0..count {
            let trial = self.promote(false).or_else(|| self.propose()).or_else(|| self.promote(true));
            let Some(answer) = trial else {
                answers.push(self.none());
                break;
            };
            answers.push(answer);
        }
        answers
    }

    fn propose(&mut self) -> Option<Value> {
        if self.over.is_some() {
            return None;
        }
        let number = self.trials.len() as u64 + 1;
        let history = match self.spec.method.needs_history() {
            true => {
                let recorded: Vec<Recorded> =
                    self.trials.iter().map(|trial| trial.recorded.clone()).collect();
                History::of(&self.spec, &recorded)
            }
            false => History::default(),
        };
        let Some(Proposal { params, why }) = self.proposer.propose(&self.spec, self.seed, number, &history)
        else {
            self.over = Some(match self.spec.run_cap {
                Some(cap) if number > cap => format!("run_cap: {cap} trials were asked for"),
                _ => "the search has nothing new".to_owned(),
            });
            return None;
        };
        let state = TrialState::Running;
        let recorded = Recorded { number, params, state, objective: None, latest: None, objectives: None };
        self.trials.push(Trial { recorded, why, points: 0, verdict: Verdict::Continue });
        Some(shown(&self.trials[self.trials.len() - 1]))
    }

    /// A held trial that goes on now; `closing`: nobody comes to a rung any more.
    fn promote(&mut self, closing: bool) -> Option<Value> {
        let judge = self.judge.as_ref().filter(|_| !self.stopped)?;
        let in_state = |state| move |trial: &Trial| trial.recorded.state == state;
        if closing && self.trials.iter().any(in_state(TrialState::Running)) {
            return None;
        }
        let paused = |number: u64| self.trials[number as usize - 1].recorded.state == TrialState::Paused;
        let promotion = self.rungs.promotions(judge, &paused, 1, closing).into_iter().next()?;
        self.rungs.promote(judge, promotion.trial);
        let trial = &mut self.trials[promotion.trial as usize - 1];
        trial.recorded.state = TrialState::Running;
        trial.verdict = Verdict::Continue;
        let mut answer = shown(trial);
        answer["resume"] = true.into();
        answer["reason"] = promotion.standing.to_string().into();
        Some(answer)
    }

    /// That there is no trial, and why.
    fn none(&self) -> Value {
        let running = self.trials.iter().filter(|trial| trial.recorded.state == TrialState::Running).count();
        let held = self.trials.iter().filter(|trial| trial.recorded.state == TrialState::Paused).count();
        json!({"over": self.over.as_deref().unwrap_or_default(), "running": running, "held": held})
    }

    fn tell(&mut self, tell: &Tell) -> Result<Value, String> {
        let asked = self.trials.len();
        let at = usize::try_from(tell.trial)
            .ok()
            .and_then(|number| number.checked_sub(1))
            .filter(|at| *at < asked);
        let at = at.ok_or_else(|| format!("there is no trial {}: {asked} were asked for", tell.trial))?;
        match self.trials[at].recorded.state {
            TrialState::Running => {}
            // A program hears of it late, and may say a little more.
            TrialState::StoppedEarly | TrialState::Paused => return Ok(self.told(at)),
            state => return Err(format!("trial {} is {} already", tell.trial, state.word())),
        }
        let mut verdict = Verdict::Continue;
        if let Some(value) = tell.value {
            verdict = self.take(at, value, tell);
        }
        let trial = &mut self.trials[at];
        trial.recorded.state = match (tell.end, &verdict) {
            // A program that is through is through.
            (Some(state), _) => state,
            (None, Verdict::Continue) => TrialState::Running,
            (None, Verdict::Stop(_)) => TrialState::StoppedEarly,
            (None, Verdict::Pause(_)) => TrialState::Paused,
        };
        trial.verdict = if tell.end.is_some() { Verdict::Continue } else { verdict };
        self.judge_sweep(at);
        Ok(self.told(at))
    }

    /// A value of a trial, and what the rule says to it.
    fn take(&mut self, at: usize, value: f64, tell: &Tell) -> Verdict {
        let goal = self.goal();
        let trial = &mut self.trials[at];
        trial.points += 1;
        if value.is_finite() {
            trial.recorded.latest = Some(value);
        }
        if goal.better(value, trial.recorded.objective.unwrap_or(f64::NAN)) {
            trial.recorded.objective = Some(value);
        }
        let point = Point {
            step: tell.step.unwrap_or(trial.points),
            epoch: tell.epoch.unwrap_or(f64::NAN),
            seconds: tell.seconds.unwrap_or(f64::NAN),
            value,
        };
        match &self.judge {
            Some(judge) => self.rungs.report(judge, tell.trial, &[point]),
            None => Verdict::Continue,
        }
    }

    /// Whether the sweep is done, after something was told of a trial.
    fn judge_sweep(&mut self, at: usize) {
        let (goal, trial) = (self.goal(), &self.trials[at].recorded);
        let seen = Seen { trial: trial.number, state: trial.state, objective: trial.objective };
        self.record = self.record.after(&self.spec.stop, goal, &seen);
        let spent = Spent {
            time: std::time::Duration::ZERO,
            device_time: std::time::Duration::ZERO,
            now: jiff::Timestamp::MIN,
        };
        let done = sweep(&self.spec.stop, goal, &self.record, &spent);
        if let Some(reason) = done.filter(|_| !self.stopped) {
            self.over = Some(reason.to_string());
            self.stopped = true;
        }
    }

    /// How a trial stands, and the sweep.
    fn told(&self, at: usize) -> Value {
        let Trial { recorded, verdict, .. } = &self.trials[at];
        let word = match verdict {
            Verdict::Continue => "continue",
            Verdict::Stop(_) => "stop",
            Verdict::Pause(_) => "pause",
        };
        let mut answer = json!({
            "trial": recorded.number,
            "state": recorded.state.word(),
            "objective": recorded.objective.map_or(Value::Null, real),
        });
        if recorded.state == TrialState::Running || verdict.reason().is_some() {
            answer["verdict"] = word.into();
        }
        if let Some(reason) = verdict.reason() {
            answer["reason"] = reason.to_string().into();
        }
        if let Some((trial, value)) = self.record.best {
            answer["best"] = json!({"trial": trial, "value": value});
        }
        answer
    }
}

/// A trial as it is given.
fn shown(trial: &Trial) -> Value {
    let params: Map<String, Value> = trial.recorded.params.clone().into_iter().collect();
    json!({"trial": trial.recorded.number, "params": params, "why": trial.why})
}

#[cfg(test)]
mod tests;
