//! `open`: the controller's pages in a browser.

use std::process::{Command, Stdio};

use clap::Args;

use crate::args::Format;
use crate::client::Client;
use crate::commands::get_sweep;
use crate::exit::Failure;
use crate::table::{json, object, put, say, yaml};

/// Print the address of the controller's page, and open it where there is a display.
///
/// Examples:
///   sweep-ctl open
///   sweep-ctl open k3x9q2ab
///   sweep-ctl open demo
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct OpenArgs {
    /// A SWEEP, a SWEEP/NUMBER, or `demo` for the demo page; without it, the controller's own page.
    #[arg(value_parser = crate::args::named)]
    what: Option<String>,
    /// Only print it.
    #[arg(long)]
    print: bool,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: OpenArgs) -> Result<(), Failure> {
    let server = client.server.trim_end_matches('/').to_owned();
    let url = match args.what.as_deref() {
        None => format!("{server}/"),
        Some("demo") => format!("{server}/demo"),
        // The place is after `#`: the page looks it up, and an older one shows its beginning.
        Some(trial) if trial.contains('/') => {
            let (trial, _) = client.trial(trial).await?;
            format!("{server}/#/sweeps/{}/trials/{}", trial.sweep_id, trial.number)
        }
        Some(sweep) => format!("{server}/#/sweeps/{}", get_sweep(client, sweep.to_owned()).await?.id),
    };
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let opened = !args.print && has_display && launch(&url);
    match output {
        Format::Json => put(&json(&object([("url", url.into()), ("opened", opened.into())]))?),
        Format::Yaml => put(&yaml(&object([("url", url.into()), ("opened", opened.into())]))?),
        _ => {
            put(&format!("{url}\n"))?;
            if !opened && !args.print {
                say("no browser was opened here; open the address where you have one");
            }
            Ok(())
        }
    }
}

fn launch(url: &str) -> bool {
    let quiet = || Stdio::null();
    let started = Command::new("xdg-open").arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
    started.is_ok_and(|status| status.success())
}
