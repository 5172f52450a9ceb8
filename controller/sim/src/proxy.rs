//! A network that cuts, holds and delays, each direction by itself: as a TCP proxy, and between any two ends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What one direction does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Way {
    /// Nothing passes, as when packets are lost: TCP brings them after all once it is over.
    pub held: bool,
    pub delay: Duration,
    /// Up to so much more, by chance.
    pub jitter: Duration,
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
            connections.spawn(connect(client, servers, weather.subscribe(), counted, turn as u64));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Connects to the first server that answers.
async fn connect(
    client: TcpStream,
    servers: Vec<SocketAddr>,
    weather: watch::Receiver<Weather>,
    counted: Counted,
    seed: u64,
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
    relay(client, server, weather, seed, |length| {
        counted.0.sent.fetch_add(length as u64, Ordering::SeqCst);
    })
    .await;
}

/// Carries bytes between a client and a server until one of them closes or the network is cut. `seed`: of the jitter.
/// `sent` is told how many bytes came from the client, whether they passed or not.
pub async fn relay<C, S>(
    client: C,
    server: S,
    mut weather: watch::Receiver<Weather>,
    seed: u64,
    sent: impl Fn(usize),
) where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let way = |of: fn(&Weather) -> Way, stream| {
        let mut jitter = ChaCha8Rng::seed_from_u64(seed);
        jitter.set_stream(stream);
        Passing { weather: weather.clone(), of, jitter }
    };
    let (up, down) = (way(|weather| weather.up, 1), way(|weather| weather.down, 2));
    tokio::select! {
        // In order: a simulated network does the same each time.
        biased;
        _ = weather.wait_for(|weather| weather.cut) => {}
        _ = pump(from_client, to_server, up, sent) => {}
        _ = pump(from_server, to_client, down, |_| {}) => {}
    }
}

/// One direction of one connection.
struct Passing {
    weather: watch::Receiver<Weather>,
    of: fn(&Weather) -> Way,
    jitter: ChaCha8Rng,
}

impl Passing {
    fn is_held(&mut self) -> bool {
        (self.of)(&self.weather.borrow_and_update()).held
    }

    /// Waits as long as what is sent now takes. `None`: the network is gone.
    async fn pass(&mut self) -> Option<()> {
        let of = self.of;
        let way =
            self.weather.wait_for(|weather| !of(weather).held).await.map(|weather| of(&weather)).ok()?;
        let more = if way.jitter.is_zero() { 0.0 } else { self.jitter.random_range(0.0..1.0) };
        tokio::time::sleep(way.delay + way.jitter.mul_f64(more)).await;
        Some(())
    }
}

/// Most bytes that wait in a direction that is held, as in the buffers of a network; then its sender has to wait.
const WAITING: usize = 1 << 20;

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: Passing,
    read: impl Fn(usize),
) -> io::Result<()> {
    let mut waiting = Vec::with_capacity(16 << 10);
    let mut open = true;
    while open {
        // What was sent is read (and counted) while it cannot pass, too.
        let held = way.is_held();
        if waiting.is_empty() || (held && waiting.len() < WAITING) {
            tokio::select! {
                biased;
                length = from.read_buf(&mut waiting) => {
                    let length = length?;
                    open = length > 0;
                    read(length);
                }
                changed = way.weather.changed() => if changed.is_err() { return Ok(()) },
            }
            if open {
                continue;
            }
        }
        // The end, too, is told by a packet.
        if way.pass().await.is_none() {
            return Ok(());
        }
        to.write_all(&waiting).await?;
        waiting.clear();
    }
    Ok(())
}
