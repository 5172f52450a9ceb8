//! `sweep-train serve`: looks at pictures for others, over HTTP, with the models that a controller promoted.
//!
//! A request takes a seat, of which there are as many as pictures may wait, before its body is read; without one it is
//! told so at once. It is decoded in one of a few threads and waits for the inference thread, which gives the seat back and
//! looks at what waits for the same model in one pass. Nothing of a picture is written or said.

mod batching;
mod controller;
mod http;
mod inference;
mod models;
mod refusal;
mod registrar;
mod shelf;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener as Listener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tch::Device;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use batching::Batching;
use controller::{Controller, Myself};
use http::Desk;
use inference::Work;
use models::Models;
use registrar::Registrar;
use shelf::Shelf;

use crate::config::user_cache;
use crate::device::device;
use crate::error::TrainError;

/// Says a line to whoever started this.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// For connections that are open when the end comes.
const DRAIN: Duration = Duration::from_secs(30);

/// What is served, where and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The controller's address: `http://host:port`.
    pub controller: String,
    pub listen: SocketAddr,
    /// How others reach this; `None`: under `listen`.
    pub url: Option<String>,
    /// Who looks if nobody is named; `None`: the newest promoted.
    pub model: Option<String>,
    /// Where fetched models are kept; `None`: `sweep/models` in the user's cache.
    pub cache: Option<PathBuf>,
    /// Pictures of one pass at most; 1 and more.
    pub batch: usize,
    /// Pictures that may wait; 1 and more.
    pub queue: usize,
    /// How long a picture waits for others.
    pub wait: Duration,
    /// `auto`, `cpu` or `cuda:N`.
    pub device: String,
}

/// Serves until `stop` comes, or its sender is gone: then says goodbye to the controller and answers what waits.
/// `ready` hears the address once it answers.
///
/// # Errors
/// When it cannot listen, or the device or a folder for models cannot be had.
pub fn serve(
    options: &Options,
    say: &Say,
    ready: impl FnOnce(&str),
    stop: oneshot::Receiver<()>,
) -> Result<(), TrainError> {
    let device = device(&options.device)?;
    let cache = options.cache.clone().or_else(|| Some(user_cache()?.join("models"))).ok_or_else(|| {
        TrainError::Config("neither XDG_CACHE_HOME nor HOME is set; name a folder: --cache DIR".to_owned())
    })?;
    let listener = listen(options.listen)?;
    let here = listener.local_addr().map_err(|error| cannot_listen(options.listen, &error))?;
    let url = url(options, here)?;
    let (work, jobs) = mpsc::channel();
    let batching = Batching { most: options.batch, patience: options.wait };
    let inference = std::thread::spawn(move || inference::run(&jobs, batching));
    let me = Myself { id: uuid::Uuid::new_v4().to_string(), url: url.clone(), device: word(device) };
    let models = Models::new(
        Controller::new(&options.controller),
        me,
        options.model.clone(),
        Shelf::new(cache, device),
        Arc::clone(say),
    );
    let desk = Desk {
        models: models.clone(),
        seats: Arc::new(Semaphore::new(options.queue)),
        work: work.clone(),
        device: word(device),
        say: Arc::clone(say),
    };
    // Pictures are decoded by so many threads; one more loads models.
    let decoders = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(decoders + 1)
        .enable_all()
        .build()
        .map_err(|error| TrainError::Config(format!("no threads to serve with: {error}")))?;
    let registrar = Registrar::start(models, runtime.handle().clone(), Arc::clone(say));
    ready(&url);
    let served = runtime.block_on(accept(listener, &Arc::new(desk), stop, &registrar, say));
    // The last request is answered, so that nothing comes after this.
    let ended = work.send(Work::End).is_ok() && inference.join().is_ok();
    runtime.shutdown_background();
    served?;
    if ended {
        return Ok(());
    }
    Err(TrainError::Observer("the thread that looks at pictures broke down".to_owned()))
}

/// Accepts connections until the end, then lets the open ones finish what they asked.
async fn accept(
    listener: Listener,
    desk: &Arc<Desk>,
    mut stop: oneshot::Receiver<()>,
    registrar: &Registrar,
    say: &Say,
) -> Result<(), TrainError> {
    let lost = |error| TrainError::Config(format!("cannot accept connections: {error}"));
    let listener = TcpListener::from_std(listener).map_err(lost)?;
    let open = GracefulShutdown::new();
    let mut leaving = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stop, if leaving.is_none() => {
                // Until the controller has heard of it, it may send requests.
                leaving = Some(tokio::task::spawn_blocking({
                    let registrar = registrar.clone();
                    move || registrar.leave()
                }));
                continue;
            }
            _ = async { if let Some(left) = &mut leaving { let _left = left.await; } }, if leaving.is_some() => break,
        };
        let Ok((stream, _)) = accepted else {
            // Mostly want of file descriptors, which passes as connections end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let desk = Arc::clone(desk);
        let service = service_fn(move |request| {
            let desk = Arc::clone(&desk);
            async move { Ok::<_, Infallible>(desk.answer(request).await) }
        });
        // With a timer, headers have thirty seconds to arrive.
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        // What breaks a connection is the other side's affair.
        tokio::spawn({
            let connection = open.watch(connection);
            async move { drop(connection.await) }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, open.shutdown()).await.is_err() {
        say("some connections were still open at the end");
    }
    Ok(())
}

fn listen(at: SocketAddr) -> Result<Listener, TrainError> {
    let listener = Listener::bind(at).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|error| cannot_listen(at, &error))
}

fn cannot_listen(at: SocketAddr, error: &std::io::Error) -> TrainError {
    TrainError::Config(format!("cannot listen on {at}: {error}\n  name another address: --listen HOST:PORT"))
}

/// How others reach this.
fn url(options: &Options, here: SocketAddr) -> Result<String, TrainError> {
    match &options.url {
        Some(url) => Ok(url.trim_end_matches('/').to_owned()),
        None if here.ip().is_unspecified() => Err(TrainError::Config(format!(
            "--listen {here} does not say how the controller reaches this machine\n  say it: --url http://HOST:{}",
            here.port()
        ))),
        None => Ok(format!("http://{here}")),
    }
}

/// As the controller writes devices.
fn word(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_reach_it_where_it_listens_or_as_they_are_told() {
        let options = |url: Option<&str>| Options {
            controller: "http://box1:7878".to_owned(),
            listen: "0.0.0.0:0".parse().unwrap(),
            url: url.map(str::to_owned),
            model: None,
            cache: None,
            batch: 16,
            queue: 64,
            wait: Duration::ZERO,
            device: "cpu".to_owned(),
        };
        let at = |url, here: &str| self::url(&options(url), here.parse().unwrap());
        assert_eq!(at(None, "127.0.0.1:81").unwrap(), "http://127.0.0.1:81");
        assert_eq!(at(None, "[::1]:81").unwrap(), "http://[::1]:81");
        assert_eq!(at(Some("http://gpu1:81/"), "0.0.0.0:81").unwrap(), "http://gpu1:81");
        assert!(at(None, "0.0.0.0:81").unwrap_err().to_string().contains("--url http://HOST:81"));
    }
}
