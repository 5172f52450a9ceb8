//! Subcommands that do not train. What was asked for goes to standard output, everything else to standard error.

pub(crate) mod bench_load;
pub(crate) mod data;

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

/// Writes to standard output; a reader that has seen enough is no error.
fn print(text: &str) -> Result<(), TrainError> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(TrainError::Write { path: "standard output".into(), source: error })
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
