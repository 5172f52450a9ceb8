//! Waiting for room on a full disk, decided without doing.

use std::time::Duration;

use tokio::time::Instant;

use crate::trial::spool::SpoolError;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// Whether the disk takes anything, and for how long it has not.
#[derive(Debug)]
pub(crate) struct Room {
    patience: Duration,
    /// The first and the last failure of this want of room.
    wanting: Option<(Instant, Instant)>,
}

impl Room {
    /// `patience`: how long a want of room is borne.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, wanting: None }
    }

    /// Judges a write. `Ok(Err(why))`: there is no room now, and it is to be tried again.
    ///
    /// # Errors
    /// Whatever else went wrong, and a want of room that has lasted for too long.
    pub(crate) fn judge<T>(
        &mut self,
        written: Result<T, SpoolError>,
        now: Instant,
    ) -> Result<Result<T, String>, SpoolError> {
        match written {
            Ok(done) => {
                self.wanting = None;
                Ok(Ok(done))
            }
            Err(SpoolError::Full(error)) => {
                let (since, _) = *self.wanting.get_or_insert((now, now));
                self.wanting = Some((since, now));
                if now.duration_since(since) < self.patience {
                    Ok(Err(error.to_string()))
                } else {
                    Err(SpoolError::StayedFull { error, patience: self.patience })
                }
            }
            Err(error) => Err(error),
        }
    }

    /// When to try again; `None`: there is no want of room.
    pub(crate) fn retry(&self) -> Option<Instant> {
        self.wanting.map(|(_, last)| last + PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn full<T>() -> Result<T, SpoolError> {
        Err(SpoolError::Full(io::Error::other("no room")))
    }

    #[test]
    fn a_full_disk_is_borne_for_a_stated_time() {
        let start = Instant::now();
        let mut room = Room::new(Duration::from_secs(60));
        assert_eq!(room.judge(Ok(1), start).unwrap(), Ok(1));
        assert_eq!(room.retry(), None);
        assert!(room.judge::<u64>(full(), start).unwrap().is_err());
        assert_eq!(room.retry(), Some(start + PAUSE));
        assert!(room.judge::<u64>(full(), start + Duration::from_secs(59)).unwrap().is_err());
        // Room for a moment: the time begins anew.
        room.judge(Ok(2), start + Duration::from_secs(59)).unwrap().unwrap();
        assert!(room.judge::<u64>(full(), start + Duration::from_secs(61)).unwrap().is_err());
        let given_up = room.judge::<u64>(full(), start + Duration::from_secs(121)).unwrap_err();
        assert_eq!(given_up.to_string(), "the agent's disk stayed full for 60s");
    }

    #[test]
    fn what_does_not_pass_is_not_waited_for() {
        let mut room = Room::new(Duration::from_secs(60));
        let broken = SpoolError::Io(io::Error::other("broken"));
        assert!(room.judge::<u64>(Err(broken), Instant::now()).is_err());
    }
}
