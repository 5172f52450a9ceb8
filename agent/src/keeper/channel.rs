//! Where the program's words come in: its output and the event channel.

use std::io;
use std::os::unix::net::UnixListener as BlockingListener;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::lines::Lines;
use crate::trial::event::Stream;

/// Bytes of one read.
const CHUNK: usize = 64 << 10;
/// Reads that may wait for the keeper; a full queue holds the program back.
pub(crate) const QUEUE: usize = 16;

/// What came in.
pub(crate) enum Input {
    /// Lines of the program's output.
    Lines(Stream, Vec<String>),
    /// The program opened an event channel.
    Opened,
    /// Lines of one, to be acknowledged as `count` by `acks` when they are on disk.
    Told {
        lines: Vec<String>,
        acks: Arc<watch::Sender<u64>>,
        count: u64,
    },
    Closed,
}

/// Reads the program's standard output or error to its end.
pub(crate) async fn read_output(
    mut from: impl AsyncRead + Unpin,
    stream: Stream,
    inputs: mpsc::Sender<Input>,
) {
    let mut lines = Lines::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await {
            // A pipe that cannot be read has no more to say.
            Ok(0) | Err(_) => break,
            Ok(length) => {
                let found = lines.take(&chunk[..length]);
                if !found.is_empty() && inputs.send(Input::Lines(stream, found)).await.is_err() {
                    return;
                }
            }
        }
    }
    if let Some(rest) = lines.rest() {
        // Nobody listens: the keeper is past caring.
        let _ended = inputs.send(Input::Lines(stream, vec![rest])).await;
    }
}

/// The event channel's listening end.
pub(crate) struct Channel {
    listener: UnixListener,
    /// The same socket: what is still in its queue at the end is taken without asking the reactor.
    last: BlockingListener,
}

impl Channel {
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let last = BlockingListener::bind(path)?;
        last.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(last.try_clone()?)?, last })
    }

    /// Takes connections until the program has `ended`, and then those that it made before. What is asked by `stop`
    /// is told to each.
    pub(crate) async fn serve(
        self,
        inputs: mpsc::Sender<Input>,
        stop: watch::Receiver<Option<String>>,
        ended: CancellationToken,
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = ended.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => drop(tokio::spawn(converse(stream, inputs.clone(), stop.clone()))),
                // Out of descriptors, most likely; give up some time to whoever holds them.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
        while let Ok((stream, _)) = self.last.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream));
            if let Ok(stream) = stream {
                tokio::spawn(converse(stream, inputs.clone(), stop.clone()));
            }
        }
    }
}

/// One connection, to its end.
async fn converse(stream: UnixStream, inputs: mpsc::Sender<Input>, stop: watch::Receiver<Option<String>>) {
    let (mut from, to) = stream.into_split();
    let acks = Arc::new(watch::Sender::new(0));
    tokio::spawn(answer(to, acks.subscribe(), stop));
    if inputs.send(Input::Opened).await.is_err() {
        return;
    }
    let mut lines = Lines::default();
    let mut chunk = vec![0; CHUNK];
    let mut count = 0;
    loop {
        let (found, last) = match from.read(&mut chunk).await {
            Ok(0) | Err(_) => (std::mem::take(&mut lines).rest().into_iter().collect(), true),
            Ok(length) => (lines.take(&chunk[..length]), false),
        };
        if !found.is_empty() {
            count += found.len() as u64;
            let told = Input::Told { lines: found, acks: Arc::clone(&acks), count };
            if inputs.send(told).await.is_err() {
                return;
            }
        }
        if last {
            break;
        }
    }
    let _ended = inputs.send(Input::Closed).await;
}

/// Tells the program what is on disk and whether to stop, until it stops listening or nothing more can come.
async fn answer(
    mut to: OwnedWriteHalf,
    mut acks: watch::Receiver<u64>,
    mut stop: watch::Receiver<Option<String>>,
) {
    let mut stop_asked = stop.borrow_and_update().clone();
    loop {
        if let Some(reason) = stop_asked.take() {
            let line = serde_json::json!({ "stop": reason }).to_string() + "\n";
            if to.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
        tokio::select! {
            changed = acks.changed() => {
                if changed.is_err() {
                    return;
                }
                let count = *acks.borrow_and_update();
                if to.write_all(format!("{{\"ack\":{count}}}\n").as_bytes()).await.is_err() {
                    return;
                }
            }
            changed = stop.changed() => {
                if changed.is_err() {
                    return;
                }
                stop_asked = stop.borrow_and_update().clone();
            }
        }
    }
}
