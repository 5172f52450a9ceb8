//! `logs`: what a trial's program printed; with `-f` as it is printed.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use sweep_core::trial::TrialState;
use sweep_proto::v1;
use tonic::Code;

use crate::args::Format;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::show;
use crate::table::{Column, Sheet, object, put, render, say};

/// How often a log is looked at while it grows.
const LOOK: Duration = Duration::from_millis(500);

/// Print the log of a trial.
///
/// Examples:
///   sweep-ctl logs k3x9q2ab/4 --tail 50
///   sweep-ctl logs -f k3x9q2ab/4
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct LogsArgs {
    /// SWEEP/NUMBER.
    #[arg(value_parser = crate::args::named)]
    trial: String,
    /// Only the last so many lines.
    #[arg(long, value_name = "N")]
    tail: Option<u32>,
    /// The log of this attempt instead of the current one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
    /// Go on printing until the trial (or the named attempt) is over; later attempts follow.
    #[arg(short, long)]
    follow: bool,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: LogsArgs) -> Result<(), Failure> {
    if args.follow {
        return follow(client, output, args).await;
    }
    let request = v1::GetLogsRequest {
        trial: args.trial,
        attempt: args.attempt.unwrap_or(0),
        tail: args.tail.unwrap_or(0),
        after: 0,
    };
    let reply = client.sweeps.get_logs(request).await.map_err(|status| client.failed(&status))?;
    print(output, &reply.into_inner().lines)
}

fn text(entry: &v1::LogEntry) -> String {
    entry.line.as_ref().map(|line| line.text.clone()).unwrap_or_default()
}

fn stream(entry: &v1::LogEntry) -> String {
    entry.line.as_ref().map(|line| line.stream.clone()).unwrap_or_default()
}

fn at(entry: &v1::LogEntry) -> String {
    show::time(entry.at_ms).unwrap_or_default()
}

fn json(entry: &v1::LogEntry) -> Value {
    object([
        ("seq", entry.seq.into()),
        ("at", at(entry).into()),
        ("stream", stream(entry).into()),
        ("text", text(entry).into()),
    ])
}

fn plain(lines: &[v1::LogEntry]) -> String {
    lines.iter().map(|entry| text(entry) + "\n").collect()
}

fn print(output: Format, lines: &[v1::LogEntry]) -> Result<(), Failure> {
    if matches!(output, Format::Table | Format::Name) {
        return put(&plain(lines));
    }
    let columns = || vec![Column::left("at", at), Column::left("stream", stream), Column::left("text", text)];
    put(&render(
        &Sheet { rows: lines, table: columns(), csv: columns(), json: &json, name: &text },
        output,
        false,
    )?)
}

/// Prints new lines as they come, JSON as one object a line.
async fn follow(client: &mut Client, output: Format, args: LogsArgs) -> Result<(), Failure> {
    if matches!(output, Format::Yaml | Format::Csv) {
        return Err(Failure::new(Exit::Usage, "logs -f prints text or -o json (one object a line)"));
    }
    let (mut attempt, mut after, mut tail) = (args.attempt.unwrap_or(0), 0, args.tail.unwrap_or(0));
    let mut away = false;
    loop {
        let request = v1::GetLogsRequest { trial: args.trial.clone(), attempt, tail, after };
        let reply = match client.sweeps.get_logs(request).await {
            Ok(reply) => reply.into_inner(),
            // Once it has been seen, a controller that is away is waited for: the trial goes on without it.
            Err(status) if status.code() == Code::Unavailable => {
                if !std::mem::replace(&mut away, true) {
                    say("the controller is away; waiting for it");
                }
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Err(status) => return Err(client.failed(&status)),
        };
        away = false;
        let more = !reply.lines.is_empty();
        if let Some(last) = reply.lines.last() {
            (after, tail) = (last.seq, 0);
            attempt = reply.attempt;
        }
        let text = match output {
            Format::Json => reply.lines.iter().map(|line| json(line).to_string() + "\n").collect(),
            _ => plain(&reply.lines),
        };
        put(&text)?;
        if reply.ended || reply.attempt == 0 {
            match next(client, &args, reply.attempt).await? {
                Next::Attempt(number) => {
                    say(&format!("attempt {number} of trial {}", args.trial));
                    (attempt, after, tail) = (number, 0, 0);
                    continue;
                }
                Next::Over => return Ok(()),
                Next::Wait => {}
            }
        }
        if !more {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What comes after an attempt's last line.
enum Next {
    Attempt(u32),
    Wait,
    Over,
}

async fn next(client: &mut Client, args: &LogsArgs, ended: u32) -> Result<Next, Failure> {
    if args.attempt.is_some() {
        return Ok(Next::Over);
    }
    let (trial, _) = match client.trial(&args.trial).await {
        Err(failure) if failure.exit == Exit::Unreachable => return Ok(Next::Wait),
        other => other?,
    };
    let state = trial.state().to_core();
    Ok(match state {
        _ if trial.attempt > ended => Next::Attempt(trial.attempt),
        Some(state) if TrialState::is_over(state) => Next::Over,
        _ => Next::Wait,
    })
}
