//! A slot's GPU: whether it is well, whether its memory is free, and when it has been at fault too often.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

/// Faults in a row, without a trial between that went well, after which a device gets no more trials.
const MOST_FAULTS: u32 = 3;
/// How long a probe may take. The driver's tool hangs on some broken devices.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a device's memory may take to become free after a trial, and how often it is looked at meanwhile.
const FREEING: (Duration, Duration) = (Duration::from_secs(60), Duration::from_millis(500));
/// MiB above the least that was ever seen in use, below which the memory counts as free.
const SLACK: u64 = 256;

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// MiB of its memory in use.
    pub(crate) used: u64,
    /// Uncorrectable memory errors since the driver was loaded; 0 where the device does not count them.
    pub(crate) errors: u64,
}

/// The question to a device: the driver's tool, or a command of the user's that answers as it does, with the device as its
/// last argument.
fn question(gpu: &str, probe: Option<&str>) -> Command {
    match probe {
        None => {
            let mut command = Command::new("nvidia-smi");
            command.args(["-i", gpu, "--format=csv,noheader,nounits"]);
            command.arg("--query-gpu=memory.used,ecc.errors.uncorrected.volatile.total");
            command
        }
        Some(probe) => {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &format!("{probe} \"$1\""), "sh", gpu]);
            command
        }
    }
}

/// `MEMORY, ERRORS`; a device that does not count errors says `[N/A]` or the like.
fn read_row(said: &str) -> Result<Seen, String> {
    let line = said.lines().next().unwrap_or_default();
    let (used, errors) = line.split_once(',').unwrap_or((line, ""));
    let used = used.trim().parse().map_err(|_| format!("its state is not understood: {line}"))?;
    Ok(Seen { used, errors: errors.trim().parse().unwrap_or(0) })
}

/// How a device stands after what was seen of it, without I/O.
#[derive(Debug, Default)]
struct Record {
    faults: u32,
    least_used: Option<u64>,
    errors: Option<u64>,
}

impl Record {
    /// Takes what a probe saw; the error is a fault.
    fn see(&mut self, seen: Result<Seen, String>) -> Result<Seen, String> {
        let seen = seen?;
        self.least_used = Some(self.least_used.map_or(seen.used, |least| least.min(seen.used)));
        let before = *self.errors.get_or_insert(seen.errors);
        self.errors = Some(seen.errors);
        if seen.errors > before {
            return Err(format!("{} more uncorrectable memory errors", seen.errors - before));
        }
        Ok(seen)
    }

    fn is_free(&self, seen: &Seen) -> bool {
        seen.used <= self.least_used.unwrap_or(0) + SLACK
    }

    /// Whether that was one fault too many.
    fn blame(&mut self) -> bool {
        self.faults += 1;
        self.faults >= MOST_FAULTS
    }
}

/// The device of one slot.
pub(crate) struct Device {
    gpu: String,
    /// Asked in place of the driver's tool.
    probe: Option<String>,
    record: Record,
}

/// A device at fault too often.
#[derive(Debug)]
pub(crate) struct Quarantined {
    pub(crate) gpu: String,
    pub(crate) why: String,
}

impl Device {
    /// `probe`: a command that answers in place of `nvidia-smi`.
    pub(crate) fn new(gpu: String, probe: Option<String>) -> Self {
        Self { gpu, probe, record: Record::default() }
    }

    /// What is wrong with it now, if anything.
    pub(crate) async fn fault(&mut self) -> Option<String> {
        self.look().await.err()
    }

    /// A trial went well on it.
    pub(crate) fn proved_itself(&mut self) {
        self.record.faults = 0;
    }

    /// Counts a fault.
    pub(crate) fn blame(&mut self, why: &str) -> Result<(), Quarantined> {
        if self.record.blame() {
            return Err(Quarantined { gpu: self.gpu.clone(), why: why.to_owned() });
        }
        tracing::warn!("GPU {} is at fault ({} of {MOST_FAULTS}): {why}", self.gpu, self.record.faults);
        Ok(())
    }

    /// Waits until it is well and its memory is free.
    pub(crate) async fn ready(&mut self, mut pause: impl FnMut() -> Duration) -> Result<(), Quarantined> {
        let mut until = Instant::now() + FREEING.0;
        loop {
            match self.look().await {
                Ok(seen) if self.record.is_free(&seen) => return Ok(()),
                Ok(seen) if Instant::now() >= until => {
                    self.blame(&format!("{} MiB of its memory stay in use without a trial", seen.used))?;
                    // The next fault is another minute of it.
                    until = Instant::now() + FREEING.0;
                    sleep(pause()).await;
                }
                Ok(_) => sleep(FREEING.1).await,
                Err(why) => {
                    self.blame(&why)?;
                    sleep(pause()).await;
                }
            }
        }
    }

    async fn look(&mut self) -> Result<Seen, String> {
        let seen = self.ask().await;
        self.record.see(seen)
    }

    async fn ask(&self) -> Result<Seen, String> {
        let asked =
            question(&self.gpu, self.probe.as_deref()).stdin(Stdio::null()).kill_on_drop(true).output();
        let output = timeout(PATIENCE, asked).await.map_err(|_| "the driver does not answer".to_owned())?;
        let output = output.map_err(|error| format!("it cannot be looked at: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return read_row(&said);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().chain(complaint.lines()).find(|line| !line.trim().is_empty());
        Err(line.map_or_else(
            || format!("the driver's tool ended with {}", output.status),
            |line| line.trim().to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_drivers_tool_are_read() {
        assert_eq!(read_row("1024, 0\n"), Ok(Seen { used: 1024, errors: 0 }));
        assert_eq!(read_row("3, [N/A]"), Ok(Seen { used: 3, errors: 0 }));
        assert_eq!(read_row("7, 12"), Ok(Seen { used: 7, errors: 12 }));
        assert!(read_row("[Unknown Error], 0").is_err());
        assert!(read_row("").is_err());
    }

    #[test]
    fn new_memory_errors_are_a_fault_and_old_ones_are_not() {
        let mut record = Record::default();
        let seen = |errors| Ok(Seen { used: 5, errors });
        assert!(record.see(seen(4)).is_ok());
        assert!(record.see(seen(4)).is_ok());
        assert_eq!(record.see(seen(6)), Err("2 more uncorrectable memory errors".to_owned()));
        assert!(record.see(seen(6)).is_ok());
    }

    #[test]
    fn memory_is_free_when_as_little_is_used_as_ever() {
        let mut record = Record::default();
        let seen = |used| Seen { used, errors: 0 };
        for used in [900, 20_000, 910] {
            record.see(Ok(seen(used))).unwrap();
        }
        assert!(record.is_free(&seen(900 + SLACK)));
        assert!(!record.is_free(&seen(900 + SLACK + 1)));
    }

    #[tokio::test]
    async fn three_faults_in_a_row_are_too_many() {
        let mut device = Device::new("0".to_owned(), Some("echo Xid 79 >&2; false".to_owned()));
        assert_eq!(device.fault().await.as_deref(), Some("Xid 79"));
        device.blame("x").unwrap();
        device.blame("x").unwrap();
        device.proved_itself();
        let quarantined = device.ready(|| Duration::ZERO).await.unwrap_err();
        assert_eq!((&*quarantined.gpu, &*quarantined.why), ("0", "Xid 79"));
    }
}
