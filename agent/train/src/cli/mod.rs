//! The commands beside training, each in a file of its own.

pub(crate) mod bench;
pub(crate) mod bench_load;
pub(crate) mod data;
pub(crate) mod judge;
pub(crate) mod serve;

use std::io::{self, Write as _};

use clap::ValueEnum;
use serde::Serialize;
use sweep_train::TrainError;

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

/// Prints a result to standard output; a reader that has seen enough is no error.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn print(text: &str) -> Result<(), TrainError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(TrainError::Write { path: "standard output".into(), source })
        }
        _ => Ok(()),
    }
}

fn print_json(value: &impl Serialize) -> Result<(), TrainError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| TrainError::Config(format!("this cannot be written as JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// A table without lines between its rows.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    table.add_rows(rows);
    for (at, column) in table.column_iter_mut().enumerate() {
        if at > 0 {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    let text = table.to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Gives libtorch and the decoders their threads, and memory its rules. Once, before anything is computed.
///
/// # Errors
/// When the threads cannot be had.
pub(crate) fn prepare(asked: Option<i64>) -> Result<(), TrainError> {
    let threads = threads(asked);
    tch::set_num_threads(threads as i32);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|error| TrainError::Config(format!("threads={threads}: {error}")))
}

/// CPU threads: as asked, else as OpenMP was told, else one per core.
fn threads(asked: Option<i64>) -> usize {
    let told = || std::env::var("OMP_NUM_THREADS").ok()?.parse().ok().filter(|&count| count > 0);
    asked
        .and_then(|count| usize::try_from(count).ok())
        .or_else(told)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Says something to whoever started this.
pub(crate) fn say(text: &str) {
    // A closed standard error is no reason to end otherwise.
    let _closed = writeln!(io::stderr(), "{text}");
}
