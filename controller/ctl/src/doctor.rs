//! `doctor`: what works from here, and what does not.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use sweep_proto::convert::sweep_state_word;
use sweep_proto::status::{Reason, reason};
use sweep_proto::v1;

use crate::args::Format;
use crate::client::Client;
use crate::context::{self, Given};
use crate::exit::{Exit, Failure};
use crate::table::{Column, Sheet, object, put, render};

/// Check what sweep-ctl needs: its configuration, the controller, the artifact store, the programs beside it.
///
/// Examples:
///   sweep-ctl doctor
///   sweep-ctl doctor -o json | jq '.[] | select(.verdict != "ok")'
///
/// Exit codes: 0 all is well or needs no more than a note, 11 something does not work.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DoctorArgs {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Note,
    Bad,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Bad => "bad",
        }
    }
}

struct Check {
    verdict: Verdict,
    what: &'static str,
    found: String,
    fix: String,
}

fn check(verdict: Verdict, what: &'static str, found: impl Into<String>, fix: &str) -> Check {
    Check { verdict, what, found: found.into(), fix: fix.to_owned() }
}

pub(crate) async fn run(output: Format, given: &Given) -> Result<(), Failure> {
    let mut checks = vec![check(Verdict::Ok, "sweep-ctl", env!("CARGO_PKG_VERSION"), "")];
    match context::settings(given) {
        Err(failure) => {
            let (found, fix) = split(&failure.message);
            checks.push(check(Verdict::Bad, "configuration", found, &fix));
        }
        Ok(settings) => {
            let server = settings.server;
            checks.push(check(
                Verdict::Ok,
                "configuration",
                format!("{} (from {})", server.value, server.origin),
                "",
            ));
            controller(&mut checks, &server.value).await;
        }
    }
    for (program, fix) in [
        ("sweep-agent", "only machines that run trials need it: cargo build --release -p sweep-agent"),
        (
            "sweep-train",
            "only sweeps with `program: sweep-train` need it: cargo build --release -p sweep-train",
        ),
    ] {
        checks.push(match beside(program) {
            Some(place) => check(Verdict::Ok, program, place.display().to_string(), ""),
            None => check(Verdict::Note, program, "is neither beside sweep-ctl nor on PATH", fix),
        });
    }
    put(&render(&sheet(&checks), output, false)?)?;
    let bad = checks.iter().filter(|check| check.verdict == Verdict::Bad).count();
    if bad == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Unfit,
        if bad == 1 { "one thing does not work".to_owned() } else { format!("{bad} things do not work") },
    ))
}

/// The first line of a failure, and what it says to do.
fn split(message: &str) -> (String, String) {
    let (found, fix) = message.split_once('\n').unwrap_or((message, ""));
    (found.to_owned(), fix.lines().map(str::trim).collect::<Vec<_>>().join("; "))
}

async fn controller(checks: &mut Vec<Check>, server: &str) {
    let mut client = match Client::connect(server).await {
        Ok(client) => client,
        Err(failure) => {
            let (found, fix) = split(&failure.message);
            return checks.push(check(Verdict::Bad, "controller", found, &fix));
        }
    };
    let asked = Instant::now();
    let listed = client.sweeps.list_sweeps(v1::ListSweepsRequest::default()).await;
    let sweeps = match listed {
        Ok(reply) => reply.into_inner().sweeps,
        Err(status) => {
            let (found, fix) = split(&client.failed(&status).message);
            return checks.push(check(Verdict::Bad, "controller", found, &fix));
        }
    };
    let count = if sweeps.len() == 1 { "1 sweep".to_owned() } else { format!("{} sweeps", sweeps.len()) };
    let running: u64 = sweeps.iter().map(|sweep| sweep.counts.unwrap_or_default().active).sum();
    let took = asked.elapsed().as_millis();
    let found = format!("{count}, {running} trials running, answers in {took} ms");
    let slow = took > 2_000;
    let fix = if slow { "it is far away or busy" } else { "" };
    checks.push(check(if slow { Verdict::Note } else { Verdict::Ok }, "controller", found, fix));
    checks.push(artifacts(&mut client).await);
    let state = |sweep: &v1::Sweep| sweep_state_word(sweep.state);
    for sweep in
        sweeps.iter().filter(|sweep| state(sweep) == "paused" && !sweep.reason.starts_with("paused by"))
    {
        let fix = format!("sweep-ctl trials {id} --state failed; then: sweep-ctl resume {id}", id = sweep.id);
        checks.push(check(Verdict::Note, "paused sweep", format!("{}: {}", sweep.id, sweep.reason), &fix));
    }
    for sweep in sweeps.iter().filter(|sweep| matches!(state(sweep), "pending" | "running")) {
        let counts = sweep.counts.unwrap_or_default();
        if counts.active == 0 {
            let fix = format!("sweep-agent {}", sweep.id);
            checks.push(check(
                Verdict::Note,
                "waiting sweep",
                format!("{}: no agent runs its trials", sweep.id),
                &fix,
            ));
        }
    }
}

/// Asks for a file that cannot be there: the answer tells whether there is a store.
async fn artifacts(client: &mut Client) -> Check {
    let what = "artifact store";
    let request = v1::GetFileRequest { sha256: "0".repeat(64), offset: 0 };
    let status = match client.agents.get_file(request).await {
        Err(status) => status,
        Ok(mut reply) => match reply.get_mut().message().await {
            Err(status) => status,
            Ok(_) => return check(Verdict::Ok, what, "it answers", ""),
        },
    };
    match reason(&status) {
        Some(Reason::FileMissing) => check(Verdict::Ok, what, "it answers", ""),
        Some(Reason::NoArtifacts) => check(
            Verdict::Note,
            what,
            "the controller has none: checkpoints stay on their agents",
            "sweep-controller --artifacts DIR",
        ),
        _ => {
            let (found, fix) = split(&client.failed(&status).message);
            check(Verdict::Bad, what, found, &fix)
        }
    }
}

/// A program beside this one, or on PATH.
fn beside(program: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = own.into_iter().chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(program)).find(|place| place.is_file())
}

fn sheet(checks: &[Check]) -> Sheet<'_, Check> {
    let columns = || {
        vec![
            Column::left("verdict", |check: &Check| check.verdict.word().to_owned()),
            Column::left("what", |check: &Check| check.what.to_owned()),
            Column::left("found", |check: &Check| check.found.clone()),
            Column::left("to do", |check: &Check| check.fix.clone()),
        ]
    };
    let json = &|check: &Check| {
        object([
            ("what", check.what.into()),
            ("verdict", check.verdict.word().into()),
            ("found", check.found.clone().into()),
            ("fix", if check.fix.is_empty() { serde_json::Value::Null } else { check.fix.clone().into() }),
        ])
    };
    Sheet { rows: checks, table: columns(), csv: columns(), json, name: &|check| check.what.to_owned() }
}
