//! The control socket: supervisors come and go.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};

use crate::trial::control::{self, Command, Notice};

/// Serves supervisors: each hears how things stand, now and whenever that changes, and may command.
///
/// While somebody listens, `notices` has a receiver.
pub(crate) async fn serve(
    listener: UnixListener,
    commands: mpsc::Sender<Command>,
    notices: Arc<watch::Sender<Notice>>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, commands.clone(), notices.subscribe()))),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

async fn converse(stream: UnixStream, commands: mpsc::Sender<Command>, mut notices: watch::Receiver<Notice>) {
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    notices.mark_changed();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                // A command of a later version that is not known here is better passed over than obeyed by half.
                if let Ok(command) = control::decode(&line)
                    && commands.send(command).await.is_err()
                {
                    return;
                }
            }
            changed = notices.changed() => {
                if changed.is_err() {
                    return;
                }
                let notice = control::encode(&*notices.borrow_and_update());
                if to.write_all(&notice).await.is_err() {
                    return;
                }
            }
        }
    }
}
