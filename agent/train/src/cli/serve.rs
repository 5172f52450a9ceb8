//! `sweep-train serve`: a predictor for a controller.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use sweep_train::TrainError;
use sweep_train::serve::{Options, Say, serve};

use super::{prepare, print, say};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The controller whose models are served: http://HOST:PORT
    #[arg(long, env = "SWEEP_SERVER", value_name = "URL", value_parser = address)]
    controller: String,

    /// Where to listen; port 0: a free one, which is printed
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// How the controller reaches this [default: where it listens]
    #[arg(long, value_name = "URL", value_parser = address)]
    url: Option<String>,

    /// The model for requests that name none [default: the newest promoted]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// Folder for fetched models [default: sweep/models in XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Pictures that go through a model together, at most
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    batch: u32,

    /// Pictures that may arrive, be decoded and wait at the same time; more are told to come again
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    queue: u32,

    /// Milliseconds that a picture waits for others
    #[arg(long = "wait-ms", default_value_t = 4, value_parser = clap::value_parser!(u64).range(..=10_000))]
    wait_ms: u64,

    /// auto, cpu, or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,

    /// CPU threads [default: OMP_NUM_THREADS, or all cores]
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=4096))]
    threads: Option<i64>,
}

fn address(text: &str) -> Result<String, String> {
    let plain = text.starts_with("http://") || text.starts_with("https://");
    plain.then(|| text.to_owned()).ok_or_else(|| "must begin with http:// or https://".to_owned())
}

impl Serve {
    pub(crate) fn run(&self) -> Result<(), TrainError> {
        prepare(self.threads)?;
        let options = Options {
            controller: self.controller.clone(),
            listen: self.listen,
            url: self.url.clone(),
            model: self.model.clone(),
            cache: self.cache.clone(),
            batch: self.batch as usize,
            queue: self.queue as usize,
            wait: Duration::from_millis(self.wait_ms),
            device: self.device.clone(),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let mut signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|error| TrainError::Config(format!("cannot listen for signals: {error}")))?;
        std::thread::spawn(move || {
            let mut stop = Some(stop);
            for signal in signals.forever() {
                match stop.take() {
                    // It may have ended already.
                    Some(stop) => {
                        let _ended = stop.send(());
                    }
                    None => signal_hook::low_level::exit(128 + signal),
                }
            }
        });
        let line: Say = Arc::new(say);
        let ready = |url: &str| {
            // Who started this may not want to hear it.
            let _closed = print(&format!("{url}\n"));
        };
        serve(&options, &line, ready, stopped)
    }
}
