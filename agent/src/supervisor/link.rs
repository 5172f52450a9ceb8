//! The supervisor's end of a keeper's control socket.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::sleep;

use crate::trial::control::{self, Command, Notice};
use crate::trial::dir::TrialDir;
use crate::trial::exit_record::ExitRecord;
use crate::trial::task::Task;

/// Between two tries to reach a keeper that lives and does not listen (yet).
const PAUSE: Duration = Duration::from_millis(50);

/// A connection to a keeper.
pub(crate) struct Link {
    lines: Lines<BufReader<OwnedReadHalf>>,
    to: OwnedWriteHalf,
}

/// What stands on the other side.
pub(crate) enum Keeper {
    Alive(Link),
    /// It ended in order.
    Ended(ExitRecord),
    /// It is gone without a word.
    Gone,
}

/// Reaches the keeper of an attempt, or tells that there is none.
pub(crate) async fn reach(dir: &TrialDir, task: &Task) -> io::Result<Keeper> {
    loop {
        if let Ok(stream) = UnixStream::connect(&task.control_socket).await {
            let (from, to) = stream.into_split();
            return Ok(Keeper::Alive(Link { lines: BufReader::new(from).lines(), to }));
        }
        // First the lock, then the record: a keeper writes the record before it lets go of the lock.
        let gone = dir.is_unkept()?;
        if let Some(record) = ExitRecord::read(&dir.exit_record())? {
            return Ok(Keeper::Ended(record));
        }
        if gone {
            return Ok(Keeper::Gone);
        }
        sleep(PAUSE).await;
    }
}

impl Link {
    /// The next notice; `None`: the keeper is gone.
    pub(crate) async fn notice(&mut self) -> Option<Notice> {
        loop {
            let line = self.lines.next_line().await.ok().flatten()?;
            // The attempt's format was looked at before: a line that is not understood is a torn one at the end.
            if let Ok(notice) = control::decode(&line) {
                return Some(notice);
            }
        }
    }

    /// Commands the keeper. One that is gone is noticed by [`Self::notice`].
    pub(crate) async fn command(&mut self, command: &Command) {
        let _gone = self.to.write_all(&control::encode(command)).await;
    }
}
