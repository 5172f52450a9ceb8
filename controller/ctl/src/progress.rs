//! How far something is: a bar on a terminal, nothing in a log. What is said meanwhile stands above the bar.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sweep_proto::v1;

use crate::exit::Failure;
use crate::show;
use crate::table::{put, say};

/// A bar, where there is a terminal to draw it on.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// None at all.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Of so many of something.
    pub(crate) fn of(total: u64, what: &str) -> Self {
        Self::drawn(total, &format!("{{bar:24}} {{pos}}/{{len}} {what} {{msg}}"))
    }

    /// Of so many bytes.
    pub(crate) fn of_bytes(total: u64) -> Self {
        Self::drawn(total, "{bar:24} {bytes}/{total_bytes} {bytes_per_sec} {msg}")
    }

    /// Of the trials of a sweep; how many there are is told later.
    pub(crate) fn of_sweep() -> Self {
        let progress = Self::drawn(0, "{bar:24} {msg}  {elapsed}");
        if let Self(Some(bar)) = &progress {
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        progress
    }

    fn drawn(total: u64, template: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(total);
        // Templates of our own: one with a mistake would show in the first look at it.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    /// How far a sweep is.
    pub(crate) fn show(&self, sweep: &v1::Sweep) {
        let Some(bar) = &self.0 else { return };
        let counts = sweep.counts.unwrap_or_default();
        bar.set_length(sweep.planned_trials.unwrap_or(0));
        bar.set_position(show::ended(sweep));
        bar.set_message(told(sweep, counts));
    }

    /// So much more is done.
    pub(crate) fn add(&self, more: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(more);
        }
    }

    /// Writes data, above the bar.
    pub(crate) fn put(&self, text: &str) -> Result<(), Failure> {
        match &self.0 {
            Some(bar) => bar.suspend(|| put(text)),
            None => put(text),
        }
    }

    /// Writes talk, above the bar.
    pub(crate) fn say(&self, text: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| say(text)),
            None => say(text),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// A sweep in half a line: `4/20 trials, 2 running, best loss 0.3 (trial 3)`.
fn told(sweep: &v1::Sweep, counts: v1::TrialCounts) -> String {
    let mut text = format!("{} trials, {} running", show::progress(sweep), counts.active);
    if counts.failed > 0 {
        text.push_str(&format!(", {} failed", counts.failed));
    }
    if let Some(best) = sweep.best_objective {
        let (name, number) = (&sweep.objective_name, sweep.best_trial_number);
        text.push_str(&format!(", best {name} {} (trial {number})", show::number(best)));
    }
    text
}

/// A sweep in half a line.
pub(crate) fn line(sweep: &v1::Sweep) -> String {
    told(sweep, sweep.counts.unwrap_or_default())
}
