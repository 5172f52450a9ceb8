//! A TCP proxy that cuts, holds and delays, each direction by itself.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What one direction does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Way {
    /// Nothing passes, as when packets are lost: TCP brings them after all once it is over.
    pub held: bool,
    pub delay: Duration,
}

/// The state of the network between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// Connections are broken and refused.
    pub cut: bool,
    /// From the client to the server.
    pub up: Way,
    /// From the server to the client.
    pub down: Way,
}

/// What passes through, for whoever waits for it.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    connections: AtomicUsize,
}

/// One connection of the count, as long as this lives.
struct Counted(Arc<Counts>);

impl Counted {
    fn new(counts: Arc<Counts>) -> Self {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        Self(counts)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A network of ours in front of servers; gone with this handle.
pub struct Proxy {
    pub address: SocketAddr,
    counts: Arc<Counts>,
    weather: Arc<watch::Sender<Weather>>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a port of its own for connections to any of `servers`, which may come and go.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn before(servers: Vec<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let weather = Arc::new(watch::Sender::new(Weather::default()));
        let counts = Arc::new(Counts::default());
        let serving = tokio::spawn(serve(listener, servers, Arc::clone(&weather), Arc::clone(&counts)));
        Ok(Self { address, counts, weather, serving })
    }

    /// Its address as a controller's.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that clients have sent it so far, whether they passed or not.
    pub fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::SeqCst)
    }

    /// Connections there are now.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// From now on the network is like this.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    listener: TcpListener,
    servers: Vec<SocketAddr>,
    weather: Arc<watch::Sender<Weather>>,
    counts: Arc<Counts>,
) {
    // Dropped with this task, which ends every connection.
    let mut connections = JoinSet::new();
    let mut turn = 0;
    while let Ok((client, _)) = listener.accept().await {
        if !weather.borrow().cut {
            // Each connection begins with another server, as behind a load balancer.
            let mut servers = servers.clone();
            let first = turn % servers.len().max(1);
            servers.rotate_left(first);
            turn += 1;
            let counted = Counted::new(Arc::clone(&counts));
            connections.spawn(connect(client, servers, weather.subscribe(), counted));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Connects to the first server that answers.
async fn connect(
    client: TcpStream,
    servers: Vec<SocketAddr>,
    mut weather: watch::Receiver<Weather>,
    counted: Counted,
) {
    let mut found = None;
    for server in servers {
        if let Ok(server) = TcpStream::connect(server).await {
            found = Some(server);
            break;
        }
    }
    let Some(server) = found else { return };
    // Small messages are not to wait for each other more than without a proxy.
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (up, down) = (weather.clone(), weather.clone());
    tokio::select! {
        _ = weather.wait_for(|weather| weather.cut) => {}
        _ = pump(from_client, to_server, up, |weather| weather.up, Some(&counted.0.sent)) => {}
        _ = pump(from_server, to_client, down, |weather| weather.down, None) => {}
    }
}

/// Most bytes that wait in a direction that is held, as in the buffers of a network; then its sender has to wait.
const WAITING: usize = 1 << 20;

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    way: fn(&Weather) -> Way,
    read: Option<&AtomicU64>,
) -> io::Result<()> {
    let mut waiting = Vec::with_capacity(16 << 10);
    let mut open = true;
    while open || !waiting.is_empty() {
        // What was sent is read (and counted) while it cannot pass, too.
        let held = way(&weather.borrow_and_update()).held;
        if open && (waiting.is_empty() || (held && waiting.len() < WAITING)) {
            tokio::select! {
                length = from.read_buf(&mut waiting) => {
                    let length = length?;
                    open = length > 0;
                    if let Some(read) = read {
                        read.fetch_add(length as u64, Ordering::SeqCst);
                    }
                }
                changed = weather.changed() => if changed.is_err() { return Ok(()) },
            }
            continue;
        }
        let Ok(now) = weather.wait_for(|weather| !way(weather).held).await.map(|weather| way(&weather))
        else {
            return Ok(());
        };
        tokio::time::sleep(now.delay).await;
        to.write_all(&waiting).await?;
        waiting.clear();
    }
    Ok(())
}
