//! The ledger: numbers what happens, keeps it in the spool, and tells who waits for it once it is on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sweep_core::stdout::StdoutRule;
use tokio::sync::watch;
use tokio::time::Instant;

use super::grammar::{self, Told};
use crate::trial::event::{Event, EventKind, Facts, Stream};
use crate::trial::spool::{Dropped, SpoolError, SpoolWriter};
use crate::trial::{now_ms, outgoing};

/// Shortest time between two syncs, so that a chatty program does not keep the disk busy.
const PACE: Duration = Duration::from_millis(25);
/// So many bytes are synced whatever the pace; while the disk takes none, no more are taken either.
const MOST_PENDING: usize = 1 << 20;

pub(crate) struct Ledger {
    spool: SpoolWriter,
    /// Where checkpoints wait for the controller.
    outgoing: PathBuf,
    last_sync: Option<Instant>,
    /// Connections and how many of their lines were taken, told at the next sync.
    acks: Vec<(Arc<watch::Sender<u64>>, u64)>,
    facts: Facts,
    stdout_rule: Option<StdoutRule>,
    last_step: u64,
    last_stderr: String,
    /// The last line of standard error that says it is an error.
    last_error: String,
}

impl Ledger {
    /// An empty ledger. `facts` become the first event. `stdout_rule` says which lines of the output are points; the
    /// sweep file's check has accepted it.
    pub(crate) fn new(
        spool: SpoolWriter,
        outgoing: PathBuf,
        facts: Facts,
        stdout_rule: &str,
    ) -> Result<Self, SpoolError> {
        let mut ledger = Self {
            spool,
            outgoing,
            last_sync: None,
            acks: Vec::new(),
            facts: facts.clone(),
            stdout_rule: StdoutRule::parse(stdout_rule).ok(),
            last_step: 0,
            last_stderr: String::new(),
            last_error: String::new(),
        };
        ledger.record(EventKind::Facts(facts))?;
        Ok(ledger)
    }

    /// Whether there is room in memory for more. Without it nobody is listened to, so that programs wait.
    pub(crate) fn has_room(&self) -> bool {
        self.spool.pending() < MOST_PENDING
    }

    /// What was dropped for want of room on the disk.
    pub(crate) fn dropped(&self) -> Dropped {
        self.spool.dropped()
    }

    /// The controller has everything up to `seq`.
    pub(crate) fn acknowledge(&mut self, seq: u64) -> Result<(), SpoolError> {
        self.spool.acknowledge(seq)
    }

    /// The line of standard error that tells most: the last that calls itself an error, or simply the last.
    pub(crate) fn telling_line(&self) -> &str {
        if self.last_error.is_empty() { &self.last_stderr } else { &self.last_error }
    }

    /// Takes a line of the program's output.
    pub(crate) fn log(&mut self, stream: Stream, text: String) -> Result<(), SpoolError> {
        if stream == Stream::Stderr && !text.trim().is_empty() {
            text.trim().clone_into(&mut self.last_stderr);
            if is_error(&self.last_stderr) {
                self.last_error.clone_from(&self.last_stderr);
            }
        }
        let point = match (&self.stdout_rule, stream) {
            (Some(rule), Stream::Stdout) => rule.read(&text),
            _ => None,
        };
        self.record(EventKind::Log { stream, text })?;
        let Some(point) = point else { return Ok(()) };
        // A program that counts nothing is counted for.
        self.last_step = point.step.unwrap_or(self.last_step + 1);
        self.record(EventKind::Metrics { step: self.last_step, epoch: point.epoch, values: point.values })
    }

    /// Takes lines of the event channel. After the next sync, `acks` is told `count`.
    pub(crate) fn told(
        &mut self,
        lines: &[String],
        acks: Arc<watch::Sender<u64>>,
        count: u64,
    ) -> Result<(), SpoolError> {
        for line in lines.iter().filter(|line| !line.trim().is_empty()) {
            let kind = match grammar::parse(line) {
                Ok(told) => self.kind(told)?,
                Err(warning) => EventKind::Log { stream: Stream::Event, text: warning },
            };
            self.record(kind)?;
        }
        self.acks.push((acks, count));
        Ok(())
    }

    /// When to sync next; `None`: all is on disk.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.spool.pending() == 0 && self.acks.is_empty() {
            return None;
        }
        let pace = if self.spool.pending() >= MOST_PENDING { Duration::ZERO } else { PACE };
        Some(self.last_sync.map_or(now, |last| last + pace))
    }

    /// Puts all on disk, tells the connections, and sees to it that it is not too much; returns the last event on disk.
    /// After [`SpoolError::Full`] nothing is lost, and it may be called again.
    pub(crate) fn sync(&mut self) -> Result<u64, SpoolError> {
        let mut seq = self.spool.sync()?;
        for (connection, count) in self.acks.drain(..) {
            connection.send_replace(count);
        }
        if self.spool.is_too_large() {
            match self.spool.thin() {
                Ok(true) => {
                    self.record(EventKind::Dropped(self.spool.dropped()))?;
                    seq = self.spool.sync()?;
                }
                // A full disk has no room for the thinned files either; later perhaps.
                Ok(false) | Err(SpoolError::Full(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.last_sync = Some(Instant::now());
        Ok(seq)
    }

    fn record(&mut self, kind: EventKind) -> Result<(), SpoolError> {
        self.spool.push(&Event { seq: self.spool.pushed() + 1, at_ms: now_ms(), kind })
    }

    fn kind(&mut self, told: Told) -> Result<EventKind, SpoolError> {
        Ok(match told {
            Told::Metrics { step, epoch, values } => {
                self.last_step = step;
                EventKind::Metrics { step, epoch, values }
            }
            Told::Log { text } => EventKind::Log { stream: Stream::Event, text },
            Told::Checkpoint { step, epoch, path, metrics, resume, files } => {
                let path = self.absolute(path);
                self.keep(resume, &path, &files)?;
                EventKind::Checkpoint { step, epoch, path, metrics, resume }
            }
            Told::Media { name, step, value } => {
                EventKind::Media { name, step: step.unwrap_or(self.last_step), value }
            }
            Told::Info { versions } => {
                self.facts.versions.extend::<BTreeMap<_, _>>(versions);
                EventKind::Facts(self.facts.clone())
            }
        })
    }

    /// Keeps a checkpoint's files for the controller; the event that is recorded next tells of it. What cannot be kept is
    /// said in the trial's log, before it, and is not sent.
    fn keep(&mut self, resume: bool, path: &str, files: &[String]) -> Result<(), SpoolError> {
        let seq = self.spool.pushed() + 1;
        if let Err(error) = outgoing::take(&self.outgoing, seq, resume, Path::new(path), files) {
            let text = format!("warning: the checkpoint {path} is not sent to the controller: {error}");
            self.record(EventKind::Log { stream: Stream::Event, text })?;
        }
        Ok(())
    }

    /// Programs name files from where they work.
    fn absolute(&self, path: String) -> String {
        let from = PathBuf::from(&self.facts.working_directory);
        from.join(&path).to_str().map_or(path, str::to_owned)
    }
}

/// Whether a line says of itself that it is an error: `error: ...`, `ValueError: ...`.
fn is_error(line: &str) -> bool {
    let head = line.split(':').next().unwrap_or_default();
    let head = head.split('[').next().unwrap_or_default();
    head.len() < line.len()
        && !head.contains(' ')
        && (head.to_ascii_lowercase().ends_with("error") || head.ends_with("Exception"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::spool::{Entry, Limits, SpoolReader, tail};

    fn ledger(folder: &tempfile::TempDir) -> Ledger {
        let spool = SpoolWriter::create(folder.path(), Limits::new(1 << 20)).unwrap();
        let facts = Facts { working_directory: "/work".to_owned(), ..Facts::default() };
        Ledger::new(spool, folder.path().join("outgoing"), facts, "json").unwrap()
    }

    fn events(folder: &tempfile::TempDir) -> Vec<EventKind> {
        let mut reader = SpoolReader::open(folder.path()).unwrap();
        let last = tail(folder.path()).unwrap().last_seq;
        let entries = std::iter::from_fn(|| reader.next(last).unwrap());
        entries
            .map(|entry| if let Entry::Event(event) = entry { event.kind } else { panic!("dropped") })
            .collect()
    }

    #[test]
    fn a_connection_is_told_only_what_is_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = ledger(&folder);
        let acks = Arc::new(watch::Sender::new(0));
        let lines = [r#"{"type":"log","text":"a"}"#.to_owned(), "nonsense".to_owned()];
        ledger.told(&lines, Arc::clone(&acks), 2).unwrap();
        assert_eq!(*acks.borrow(), 0);
        assert_eq!(ledger.sync().unwrap(), 3);
        assert_eq!(*acks.borrow(), 2);
        assert_eq!(ledger.due(Instant::now()), None);
        assert_eq!(events(&folder).len(), 3);
    }

    #[test]
    fn what_the_program_leaves_out_is_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = ledger(&folder);
        let lines = [
            r#"{"type":"metrics","step":7,"values":{"a":1}}"#,
            r#"{"type":"media","name":"m","value":1}"#,
            r#"{"type":"checkpoint","step":7,"path":"out/7"}"#,
            r#"{"type":"info","versions":{"torch":"2"}}"#,
        ];
        ledger.told(&lines.map(str::to_owned), Arc::new(watch::Sender::new(0)), 4).unwrap();
        ledger.sync().unwrap();
        let found = events(&folder);
        assert!(matches!(&found[2], EventKind::Media { step: 7, .. }));
        // Its files are missing, which is said first.
        assert!(matches!(&found[3], EventKind::Log { text, .. } if text.contains("/work/out/7 is not sent")));
        assert!(matches!(&found[4], EventKind::Checkpoint { path, .. } if path == "/work/out/7"));
        assert!(matches!(&found[5], EventKind::Facts(facts) if facts.versions["torch"] == "2"));
    }

    #[test]
    fn lines_that_fit_the_rule_are_points_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = ledger(&folder);
        for line in ["hello", r#"{"loss": 2}"#, r#"{"loss": 1, "step": 40}"#, r#"{"loss": 0.5}"#] {
            ledger.log(Stream::Stdout, line.to_owned()).unwrap();
        }
        ledger.log(Stream::Stderr, r#"{"loss": 9}"#.to_owned()).unwrap();
        ledger.sync().unwrap();
        let step = |kind: EventKind| match kind {
            EventKind::Metrics { step, values, .. } => Some((step, values["loss"])),
            _ => None,
        };
        let points: Vec<_> = events(&folder).into_iter().filter_map(step).collect();
        assert_eq!(points, [(1, 2.0), (40, 1.0), (41, 0.5)]);
    }

    #[test]
    fn the_line_that_names_the_error_tells_most() {
        for (lines, expected) in [
            (vec!["one", "two", "  "], "two"),
            (
                vec!["error: no data in ./faces", "  make some: sweep-train synth"],
                "error: no data in ./faces",
            ),
            (vec!["Traceback (most recent call last):", "ValueError: bad lr"], "ValueError: bad lr"),
            (vec!["torch.cuda.OutOfMemoryError: CUDA", "bye"], "torch.cuda.OutOfMemoryError: CUDA"),
            (vec!["there was no error: fine", "last"], "last"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut ledger = ledger(&folder);
            for line in lines {
                ledger.log(Stream::Stderr, line.to_owned()).unwrap();
            }
            assert_eq!(ledger.telling_line(), expected);
        }
    }
}
