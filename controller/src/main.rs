//! The controller's process: arguments, log, database, port, signals.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use sweep_controller::artifacts::Artifacts;
use sweep_controller::config::{Args, Command, LogFormat};
use sweep_controller::files::Keeping;
use sweep_controller::samples::Samples;
use sweep_controller::{App, database, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    start_log(args.log_format);
    let done = match &args.command {
        None => run(&args).await,
        Some(Command::Db(command)) => database::run(command, &args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(
                clippy::print_stderr,
                reason = "the last word of the process, also where the log is filtered"
            )]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let env = |name: &str| std::env::var(name).ok();
    let database = args.database(env)?;
    let (files, incoming) = args.files(&database, env)?;
    let retention = args.retention()?;
    let samples = Samples::open(args.samples.as_deref())?;
    // The port first: a second start by mistake says so before it touches the database.
    let listener = listen(&args.listen).await?;
    let address = listener.local_addr().context("reading the address")?;
    let store = database.open().await?;
    let artifacts = Artifacts::open(&files, &incoming).await?;
    info!("listening on http://{address}, database {database}, files in {artifacts}");
    announce(address)?;
    let app =
        App::new(store, args.lease()).with_files(Keeping { artifacts, retention }).with_samples(samples);
    serve(listener, app, stopped()?).await?;
    info!("stopped; everything acknowledged is on disk");
    Ok(())
}

/// The address on standard output, for scripts: it can be talked to from now on.
fn announce(address: std::net::SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "http://{address}")
        .and_then(|()| out.flush())
        .context("writing the address to standard output")
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "cannot listen on {address}: the port is in use, perhaps by another sweep-controller\n  \
             see who has it:      ss -ltnp\n  or choose another:   sweep-controller --listen HOST:PORT"
        ),
        ErrorKind::PermissionDenied => anyhow::anyhow!(
            "cannot listen on {address}: ports below 1024 need rights this user has not\n  \
             choose another: sweep-controller --listen HOST:7878"
        ),
        _ => anyhow::anyhow!("cannot listen on {address}: {error}\n  give an address of this machine: sweep-controller --listen HOST:PORT"),
    })
}

/// Resolves at the first Ctrl-C or SIGTERM.
fn stopped() -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        info!("stopping");
    })
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}
