//! `sweep-controller db`: what an operator does to a database.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context as _;
use sweep_store::admin::{self, Copied, Migration, Status};

use crate::config::{Args, DbCommand, location};

/// Does it, and prints what came of it.
///
/// # Errors
/// When it cannot be done, with what to do instead.
pub async fn run(command: &DbCommand, args: &Args) -> anyhow::Result<()> {
    let database = || args.database(|name| std::env::var(name).ok());
    let text = match command {
        DbCommand::Migrate => migrated(&admin::migrate(&database()?).await?),
        DbCommand::Status => shown(&admin::status(&database()?).await?),
        DbCommand::Backup { file } => {
            admin::backup(&database()?, file).await?;
            let size = std::fs::metadata(file).map_or(0, |found| found.len());
            format!("wrote {} ({}), checked and on disk\n", file.display(), bytes(size))
        }
        DbCommand::Copy { from, to } => {
            let (from, to) = (location("--from", from)?, location("--to", to)?);
            let tables = admin::copy(&from, &to).await?;
            format!("{}copied {from} to {to}; every table is equal on both sides\n", compared(&tables))
        }
    };
    std::io::stdout().lock().write_all(text.as_bytes()).context("writing to standard output")
}

fn migrated(done: &[Migration]) -> String {
    if done.is_empty() {
        return "the schema is up to date\n".to_owned();
    }
    done.iter().map(|step| format!("applied {:04} {}\n", step.version, step.description)).collect()
}

fn shown(status: &Status) -> String {
    let pending = match &status.pending[..] {
        [] if status.version > status.newest => {
            format!("{:04} is the newest this sweep-controller knows", status.newest)
        }
        [] => "up to date".to_owned(),
        steps => {
            let steps: Vec<_> =
                steps.iter().map(|step| format!("{:04} {}", step.version, step.description)).collect();
            format!("pending: {}", steps.join(", "))
        }
    };
    let mut text = format!(
        "database  {}\nbackend   {}\nschema    {:04}, {pending}\nsize      {}\n",
        status.place,
        status.backend,
        status.version,
        bytes(status.bytes)
    );
    if !status.rows.is_empty() {
        text.push_str("\ntable             rows\n");
    }
    for (table, rows) in &status.rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{table:<12}{rows:>10}");
    }
    text
}

fn compared(tables: &[Copied]) -> String {
    let mut text = "table             rows  digest\n".to_owned();
    for Copied { table, rows, digest } in tables {
        let _ = writeln!(text, "{table:<12}{rows:>10}  {digest}");
    }
    text
}

/// A size for people.
fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded to a tenth")]
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (size, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 1024, "1.5 MiB"), (3 << 40, "3.0 TiB")]
        {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn a_status_says_what_is_pending() {
        let status = Status {
            backend: "SQLite 3.50.2".to_owned(),
            place: "/var/lib/sweep/sweep.db".to_owned(),
            version: 1,
            newest: 2,
            pending: vec![Migration { version: 2, description: "budgets".to_owned() }],
            rows: vec![("sweep", 3), ("trial", 1200)],
            bytes: 5 << 20,
        };
        insta::assert_snapshot!(shown(&status), @r"
        database  /var/lib/sweep/sweep.db
        backend   SQLite 3.50.2
        schema    0001, pending: 0002 budgets
        size      5.0 MiB

        table             rows
        sweep                3
        trial             1200
        ");
        insta::assert_snapshot!(shown(&Status { version: 3, pending: vec![], rows: vec![], ..status }), @r"
        database  /var/lib/sweep/sweep.db
        backend   SQLite 3.50.2
        schema    0003, 0002 is the newest this sweep-controller knows
        size      5.0 MiB
        ");
    }
}
