//! `note` and `tag`: what people note on sweeps and trials.

use clap::Args;
use sweep_proto::v1;

use crate::args::Format;
use crate::client::{Client, present};
use crate::commands::get_sweep;
use crate::exit::Failure;
use crate::show;
use crate::table::{put, render, say};

/// Show or set the note of a sweep or a trial.
///
/// Examples:
///   sweep-ctl note k3x9q2ab
///   sweep-ctl note k3x9q2ab/4 'warm-up was off'
///   sweep-ctl note k3x9q2ab/4 "$(cat findings.md)"
///   sweep-ctl note k3x9q2ab/4 ''
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct NoteArgs {
    /// SWEEP or SWEEP/NUMBER.
    #[arg(value_name = "SWEEP or TRIAL", value_parser = crate::args::named)]
    what: String,
    /// Instead of the note that is there; empty: no note. Without it: shows the note.
    #[arg(value_parser = crate::args::named)]
    text: Option<String>,
}

/// Show, add and take away the tags of a sweep or a trial.
///
/// Examples:
///   sweep-ctl tag k3x9q2ab/4
///   sweep-ctl tag k3x9q2ab/4 best paper
///   sweep-ctl tag k3x9q2ab/4 best --remove draft
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TagArgs {
    /// SWEEP or SWEEP/NUMBER.
    #[arg(value_name = "SWEEP or TRIAL", value_parser = crate::args::named)]
    what: String,
    /// Tags to add.
    #[arg(value_name = "TAG", value_parser = crate::args::named)]
    add: Vec<String>,
    /// A tag to take away. Repeatable.
    #[arg(long, value_name = "TAG", value_parser = crate::args::named)]
    remove: Vec<String>,
}

/// What can be noted on.
enum Noted {
    Sweep(Box<v1::Sweep>),
    Trial(Box<v1::Trial>),
}

impl Noted {
    async fn get(client: &mut Client, what: String) -> Result<Self, Failure> {
        if what.contains('/') {
            Ok(Self::Trial(Box::new(client.trial(&what).await?.0)))
        } else {
            Ok(Self::Sweep(Box::new(get_sweep(client, what).await?)))
        }
    }

    async fn change(
        client: &mut Client,
        what: String,
        change: v1::AnnotationChange,
    ) -> Result<Self, Failure> {
        let change = Some(change);
        if what.contains('/') {
            let reply = client.sweeps.annotate_trial(v1::AnnotateTrialRequest { trial: what, change }).await;
            let reply = reply.map_err(|status| client.failed(&status))?.into_inner();
            Ok(Self::Trial(Box::new(present(reply.trial)?)))
        } else {
            let reply = client.sweeps.annotate_sweep(v1::AnnotateSweepRequest { sweep: what, change }).await;
            let reply = reply.map_err(|status| client.failed(&status))?.into_inner();
            Ok(Self::Sweep(Box::new(present(reply.sweep)?)))
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Sweep(sweep) => format!("sweep {}", sweep.id),
            Self::Trial(trial) => format!("trial {}", show::trial_id(trial)),
        }
    }

    fn note(&self) -> &str {
        match self {
            Self::Sweep(sweep) => &sweep.note,
            Self::Trial(trial) => &trial.note,
        }
    }

    fn tags(&self) -> &[String] {
        match self {
            Self::Sweep(sweep) => &sweep.tags,
            Self::Trial(trial) => &trial.tags,
        }
    }

    /// The whole of it, as other commands print it; for people a few lines, or that there are none.
    fn print(&self, output: Format, lines: &[String], none: &str) -> Result<(), Failure> {
        match (output, self) {
            (Format::Table, _) if lines.is_empty() => {
                say(&format!("{} has {none}", self.name()));
                Ok(())
            }
            (Format::Table, _) => put(&(lines.join("\n") + "\n")),
            (_, Self::Sweep(sweep)) => {
                put(&render(&show::sweeps(std::slice::from_ref(&**sweep)), output, true)?)
            }
            (_, Self::Trial(trial)) => {
                let rows = std::slice::from_ref(&**trial);
                put(&render(&show::trials(rows, &[]), output, true)?)
            }
        }
    }
}

pub(crate) async fn note(client: &mut Client, output: Format, args: NoteArgs) -> Result<(), Failure> {
    let noted = match args.text {
        None => Noted::get(client, args.what).await?,
        note => {
            let change = v1::AnnotationChange { note, ..Default::default() };
            Noted::change(client, args.what, change).await?
        }
    };
    let lines: Vec<String> = noted.note().lines().map(str::to_owned).collect();
    noted.print(output, &lines, "no note")
}

pub(crate) async fn tag(client: &mut Client, output: Format, args: TagArgs) -> Result<(), Failure> {
    let TagArgs { what, add, remove } = args;
    let noted = if add.is_empty() && remove.is_empty() {
        Noted::get(client, what).await?
    } else {
        let change = v1::AnnotationChange { note: None, add_tags: add, remove_tags: remove };
        Noted::change(client, what, change).await?
    };
    noted.print(output, noted.tags(), "no tags")
}
