//! The commands beside training, each in a file of its own.

pub(crate) mod bench;
pub(crate) mod judge;

use std::io::{self, Write as _};

use sweep_train::{Config, TrainError};

/// Prints a result to standard output.
///
/// # Errors
/// When standard output is closed or full.
pub(crate) fn print(text: &str) -> Result<(), TrainError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|source| TrainError::Write { path: "standard output".into(), source })
}

/// Gives libtorch and the decoders their threads, and memory its rules. Once, before anything is computed.
///
/// # Errors
/// When the threads cannot be had.
pub(crate) fn prepare(config: &Config) -> Result<(), TrainError> {
    let threads = threads(config);
    tch::set_num_threads(threads as i32);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|error| TrainError::Config(format!("threads={threads}: {error}")))
}

/// CPU threads: as asked, else as OpenMP was told, else one per core.
fn threads(config: &Config) -> usize {
    let told = || std::env::var("OMP_NUM_THREADS").ok()?.parse().ok().filter(|&count| count > 0);
    let asked = config.threads.and_then(|count| usize::try_from(count).ok());
    asked
        .or_else(told)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Says something to whoever started this.
pub(crate) fn say(text: &str) {
    // A closed standard error is no reason to end otherwise.
    let _closed = writeln!(io::stderr(), "{text}");
}
