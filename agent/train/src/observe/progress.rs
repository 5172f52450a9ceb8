//! For people: a progress bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Event, Flow, Level, Observer, Values};

/// Writes to standard error.
pub struct Progress {
    bar: Option<ProgressBar>,
    terminal: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self { bar: None, terminal: std::io::stderr().is_terminal() }
    }
}

impl Progress {
    fn line(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.suspend(|| write_line(text));
        } else {
            write_line(text);
        }
    }
}

impl Observer for Progress {
    fn hear(&mut self, event: &Event) -> Flow {
        match event {
            Event::EpochBegins { epoch, epochs, steps, done } if self.terminal => {
                let bar = ProgressBar::new(*steps as u64).with_style(style());
                bar.set_prefix(format!("epoch {epoch}/{epochs}"));
                bar.set_position(*done as u64);
                self.bar = Some(bar);
            }
            Event::Step { loss, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("loss {loss:.3}"));
                    bar.inc(1);
                }
            }
            Event::Metrics { epoch, values, .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                if let Some(text) = summary(*epoch, values) {
                    self.line(&text);
                }
            }
            Event::Checkpoint { path, .. } => self.line(&format!("  kept {}", path.display())),
            Event::Log { level: Level::Warning, text } => self.line(&format!("warning: {text}")),
            Event::Log { text, .. } => self.line(text),
            Event::Versions(_)
            | Event::Media { .. }
            | Event::EpochBegins { .. }
            | Event::Resumable { .. } => {}
        }
        Flow::GoOn
    }
}

/// One line for an epoch; `None` for points that are no epoch's.
fn summary(epoch: f64, values: &Values) -> Option<String> {
    let value = |name: &str| values.get(name).copied();
    let f1 = |head: &str| value(&format!("{head}-f1score"));
    Some(format!(
        "epoch {epoch}: loss {:.3}, val loss {:.3}, macro-F1 age {:.3} sex {:.3} race {:.3} total {:.3}",
        value("total-loss")?,
        value("val-total-loss")?,
        f1("age")?,
        f1("sex")?,
        f1("race")?,
        f1("total")?
    ))
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg} {eta}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn write_line(text: &str) {
    // A closed standard error is no reason to end a training.
    let _closed = writeln!(std::io::stderr(), "{text}");
}
