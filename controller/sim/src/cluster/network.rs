//! The network of a simulated cluster: streams of bytes from places to whichever controller listens. Each place has a
//! weather of its own; a place is a machine, or somebody who looks on.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use sweep_sim::proxy::{Way, Weather, relay};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::transport::{Channel, Endpoint, Uri};

/// Bytes that an end may send before the network takes them.
const BUFFER: usize = 64 << 10;

/// As it is while nothing is wrong.
const CALM: Weather = {
    let way = Way { held: false, delay: Duration::from_millis(1), jitter: Duration::from_millis(20) };
    Weather { cut: false, up: way, down: way }
};

/// Where a controller takes connections from.
pub(super) type Door = mpsc::Sender<io::Result<DuplexStream>>;

pub(super) struct Network(Mutex<State>);

struct State {
    seed: u64,
    /// Connections made so far.
    made: u64,
    /// Whose door is open, if anybody's.
    door: Option<Door>,
    /// By place.
    weather: Vec<Weather>,
    /// Whether the controller neither takes nor gives, as one that is frozen.
    still: bool,
    lines: Vec<Line>,
    /// Connections that the network forgot: nothing passes any more, and neither side is told.
    forgotten: Vec<watch::Sender<Weather>>,
}

/// One connection.
struct Line {
    place: usize,
    weather: watch::Sender<Weather>,
}

impl State {
    fn weather(&self, place: usize) -> Weather {
        let weather = self.weather[place];
        if self.still { held(weather) } else { weather }
    }

    /// Brings every connection up to date, in the order they were made.
    fn spread(&mut self) {
        self.lines.retain(|line| !line.weather.is_closed());
        for line in &self.lines {
            let weather = self.weather(line.place);
            line.weather.send_if_modified(|now| std::mem::replace(now, weather) != weather);
        }
    }
}

/// The same with nothing passing.
fn held(weather: Weather) -> Weather {
    let hold = |way: Way| Way { held: true, ..way };
    Weather { up: hold(weather.up), down: hold(weather.down), ..weather }
}

impl Network {
    pub(super) fn new(seed: u64, places: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            seed,
            made: 0,
            door: None,
            weather: vec![CALM; places],
            still: false,
            lines: Vec::new(),
            forgotten: Vec::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A controller listens.
    pub(super) fn open(&self, door: Door) {
        self.lock().door = Some(door);
    }

    /// Nobody listens any more; connections stay.
    pub(super) fn shut(&self) {
        self.lock().door = None;
    }

    /// Every connection is broken, and both sides are told: their process on one side ended. Forgotten ones hear nothing.
    pub(super) fn break_all(&self) {
        for line in std::mem::take(&mut self.lock().lines) {
            line.weather.send_modify(|now| now.cut = true);
        }
    }

    /// The connections of a place are broken.
    pub(super) fn break_of(&self, place: usize) {
        self.lock().lines.retain(|line| {
            if line.place == place {
                line.weather.send_modify(|now| now.cut = true);
            }
            line.place != place
        });
    }

    /// The connections that a place has now never bring anything again, as when a firewall forgot them.
    pub(super) fn forget(&self, place: usize) {
        let mut state = self.lock();
        let lines = std::mem::take(&mut state.lines);
        for line in lines {
            if line.place == place {
                line.weather.send_modify(|now| *now = held(*now));
                state.forgotten.push(line.weather);
            } else {
                state.lines.push(line);
            }
        }
    }

    /// From now on the network is like this at a place, as a change to calm weather.
    pub(super) fn set(&self, place: usize, change: impl FnOnce(&mut Weather)) {
        let mut weather = CALM;
        change(&mut weather);
        let mut state = self.lock();
        state.weather[place] = weather;
        state.spread();
    }

    pub(super) fn calm(&self, place: usize) {
        self.set(place, |_| {});
    }

    /// Nothing passes at a place.
    pub(super) fn hold(&self, place: usize) {
        self.set(place, |weather| *weather = held(*weather));
    }

    /// Whether the controller neither takes nor gives.
    pub(super) fn still(&self, still: bool) {
        let mut state = self.lock();
        state.still = still;
        state.spread();
    }

    /// Connects from a place.
    async fn connect(self: Arc<Self>, place: usize) -> io::Result<DuplexStream> {
        let (client, near) = duplex(BUFFER);
        let (established, established_here) = oneshot::channel();
        let (seed, weather) = {
            let mut state = self.lock();
            state.made += 1;
            let (sender, weather) = watch::channel(state.weather(place));
            state.lines.push(Line { place, weather: sender });
            (state.seed.wrapping_add(state.made.wrapping_mul(0x9E37_79B9_7F4A_7C15)), weather)
        };
        let network = Arc::clone(&self);
        tokio::spawn(async move {
            let (far, server) = duplex(BUFFER);
            let mut handshake = weather.clone();
            if !shake_hands(&mut handshake).await {
                return;
            }
            let door = network.lock().door.clone();
            if door.is_some_and(|door| door.try_send(Ok(server)).is_ok()) && established.send(()).is_ok() {
                relay(near, far, weather, seed, |_| {}).await;
            }
        });
        established_here.await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(client)
    }

    /// A connection that mends itself, with the settings of the real agent.
    pub(super) fn channel(self: &Arc<Self>, place: usize) -> Channel {
        let network = Arc::clone(self);
        let connector = tower::service_fn(move |_: Uri| {
            let network = Arc::clone(&network);
            async move { network.connect(place).await.map(TokioIo::new) }
        });
        Endpoint::from_static("http://controller")
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .connect_with_connector_lazy(connector)
    }
}

/// A packet there, and one back. Whether they came.
async fn shake_hands(weather: &mut watch::Receiver<Weather>) -> bool {
    let decided = |weather: &Weather| weather.cut || !(weather.up.held || weather.down.held);
    let Ok(now) = weather.wait_for(decided).await.map(|weather| *weather) else { return false };
    tokio::time::sleep(now.up.delay + now.down.delay).await;
    !now.cut
}
