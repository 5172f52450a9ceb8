//! `plot`: pictures of a sweep, as SVG, as PNG, or drawn in the terminal.

mod chart;
mod make;
mod png;
mod svg;
mod term;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sweep_proto::v1;

pub(crate) use self::chart::Chart;
use crate::args::Format;
use crate::client::Client;
use crate::commands::{get_sweep, list_trials};
use crate::exit::{Exit, Failure};
use crate::table::{json, object, put, save, say, yaml};

/// Draw a sweep: in the terminal, or into a file that ends in .svg or .png.
///
/// Examples:
///   sweep-ctl plot history
///   sweep-ctl plot curves k3x9q2ab --metric val-loss --top 5
///   sweep-ctl plot parallel k3x9q2ab --out parallel.png
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PlotArgs {
    /// What is drawn.
    #[arg(value_enum)]
    kind: Kind,
    #[arg(default_value = "-")]
    sweep: String,
    /// The file; without it, the plot is drawn in the terminal.
    #[arg(long, value_name = "FILE.svg or FILE.png")]
    out: Option<PathBuf>,
    /// Of `curves`: the metric [default: the sweep's own]
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Of `curves` and `parallel`: the best so many trials [default: 8 and 300]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Width in pixels; without a file, in letters.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..))]
    width: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The objective of each trial, and the best so far.
    History,
    /// A metric over the steps of the best trials.
    Curves,
    /// The objective against each parameter.
    Slice,
    /// Each trial as a line through its parameters.
    Parallel,
    /// Which parameters decide whether a trial is good.
    Importance,
    /// When each agent ran what.
    Timeline,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::History, Self::Curves, Self::Slice, Self::Parallel, Self::Importance, Self::Timeline];

    fn word(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Curves => "curves",
            Self::Slice => "slice",
            Self::Parallel => "parallel",
            Self::Importance => "importance",
            Self::Timeline => "timeline",
        }
    }
}

/// Letters of a drawing where nothing says how wide the terminal is.
const LETTERS: u16 = 80;
/// Pixels of a picture.
const PIXELS: u32 = 960;

pub(crate) async fn run(client: &mut Client, output: Format, args: PlotArgs) -> Result<(), Failure> {
    let sweep = get_sweep(client, args.sweep).await?;
    let trials =
        list_trials(client, v1::ListTrialsRequest { sweep: sweep.id.clone(), ..Default::default() }).await?;
    let chart = chart(client, &sweep, &trials, args.kind, args.metric, args.top).await?;
    let Some(file) = args.out else {
        return match output {
            Format::Json => put(&json(&chart.json())?),
            Format::Yaml => put(&yaml(&chart.json())?),
            Format::Table => put(&term::draw(&chart, args.width.unwrap_or_else(letters))?),
            Format::Csv | Format::Name => Err(Failure::new(
                Exit::Usage,
                "a plot is drawn, or printed with -o json or yaml; for CSV: sweep-ctl export",
            )),
        };
    };
    let picture = svg::draw(&chart, args.width.map_or(PIXELS, u32::from))?;
    let bytes = match file.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => picture.into_bytes(),
        Some("png") => png::of_svg(&picture)?,
        _ => return Err(Failure::new(Exit::Usage, "a picture's name ends in .svg or .png")),
    };
    save(&file, &bytes)?;
    let name = file.display().to_string();
    match output {
        Format::Json => put(&json(&object([
            ("file", name.into()),
            ("kind", args.kind.word().into()),
            ("sweep", sweep.id.into()),
            ("bytes", bytes.len().into()),
        ]))?),
        Format::Name => put(&format!("{name}\n")),
        _ => {
            say(&format!("wrote {name}: {} of sweep {}", args.kind.word(), sweep.id));
            Ok(())
        }
    }
}

/// As wide as the terminal.
fn letters() -> u16 {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen =
        || std::io::stdout().is_terminal().then(|| ratatui::crossterm::terminal::size().ok()).flatten();
    told.or_else(|| seen().map(|(columns, _)| columns)).unwrap_or(LETTERS).clamp(40, 200)
}

/// The chart of a sweep.
pub(crate) async fn chart(
    client: &mut Client,
    sweep: &v1::Sweep,
    trials: &[v1::Trial],
    kind: Kind,
    metric: Option<String>,
    top: Option<u32>,
) -> Result<Chart, Failure> {
    match kind {
        Kind::History => make::history(sweep, trials),
        Kind::Slice => make::slice(sweep, trials),
        Kind::Parallel => make::parallel(sweep, trials, top.unwrap_or(300) as usize),
        Kind::Importance => make::importance(sweep, trials),
        Kind::Timeline => make::timeline(sweep, trials),
        Kind::Curves => {
            let metric =
                metric.or_else(|| Some(sweep.objective_name.clone()).filter(|name| !name.is_empty()));
            let metric = metric.ok_or_else(|| {
                Failure::new(
                    Exit::Usage,
                    format!("sweep {} has no `metric`: name one with --metric", sweep.id),
                )
            })?;
            let mut curves = Vec::new();
            for trial in make::best(sweep, trials, &metric, top.unwrap_or(8) as usize) {
                let id = crate::show::trial_id(trial);
                let request =
                    v1::GetMetricsRequest { trial: id, names: vec![metric.clone()], max_points: 500 };
                let reply =
                    client.sweeps.get_metrics(request).await.map_err(|status| client.failed(&status))?;
                curves.push((trial.number, reply.into_inner().curves));
            }
            make::curves(sweep, &metric, &curves)
        }
    }
}

/// A chart as SVG, for pages.
pub(crate) fn picture(chart: &Chart) -> Result<String, Failure> {
    svg::draw(chart, PIXELS)
}
