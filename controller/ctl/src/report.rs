//! `report`: a sweep on one page that needs nothing else: pictures, tables, the file.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use sweep_core::value::python_str;
use sweep_proto::convert::{sweep_state_word, trial_state_word};
use sweep_proto::v1;

use crate::args::Format;
use crate::client::Client;
use crate::commands::{get_sweep, list_trials};
use crate::exit::{Exit, Failure};
use crate::filter;
use crate::plot::{self, Kind};
use crate::progress::Progress;
use crate::show;
use crate::table::{json, object, put, save, say};

/// Write a sweep as one HTML file, with its plots and tables inside. It opens from disk, without a network.
///
/// Examples:
///   sweep-ctl report k3x9q2ab
///   sweep-ctl report - --out sweep.html
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ReportArgs {
    #[arg(default_value = "-")]
    sweep: String,
    /// The file [default: report-SWEEP.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Trials in the table, best first; the numbers above it are of all.
    #[arg(long, value_name = "N", default_value_t = 200)]
    trials: usize,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: ReportArgs) -> Result<(), Failure> {
    let sweep = get_sweep(client, args.sweep).await?;
    let mut trials =
        list_trials(client, v1::ListTrialsRequest { sweep: sweep.id.clone(), ..Default::default() }).await?;
    let progress = Progress::of(Kind::ALL.len() as u64, "plots");
    let mut plots = Vec::new();
    for kind in Kind::ALL {
        progress.add(1);
        match plot::chart(client, &sweep, &trials, kind, None, None).await {
            Ok(chart) => plots.push((chart.title.clone(), plot::picture(&chart)?)),
            // What cannot be drawn of this sweep is left out: nothing ended yet, no metric, nothing varies.
            Err(failure) if matches!(failure.exit, Exit::Nothing | Exit::Usage) => {}
            Err(failure) => return Err(failure),
        }
    }
    progress.end();
    let maximize = sweep.goal().to_core() == Some(sweep_core::objective::Goal::Maximize);
    filter::sort(&mut trials, if maximize { "-objective" } else { "objective" })?;
    let page = page(&sweep, &trials, &plots, args.trials, &server_time());
    let file = args.out.unwrap_or_else(|| PathBuf::from(format!("report-{}.html", sweep.id)));
    save(&file, page.as_bytes())?;
    let name = file.display().to_string();
    match output {
        Format::Json => put(&json(&object([
            ("file", name.into()),
            ("sweep", sweep.id.into()),
            ("plots", plots.len().into()),
            ("trials", trials.len().into()),
            ("bytes", page.len().into()),
        ]))?),
        Format::Name => put(&format!("{name}\n")),
        _ => {
            let size = show::bytes(page.len() as u64);
            say(&format!("wrote {name}: {} trials, {} plots, {size}", trials.len(), plots.len()));
            Ok(())
        }
    }
}

fn server_time() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Text as HTML.
fn text(of: &str) -> String {
    of.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#222;--paper:#fff;--faint:#666;--line:#ddd}\
@media(prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#161616;--faint:#999;--line:#333}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:1000px;padding:0 1rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0}.faint{color:var(--faint)}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}\
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);white-space:nowrap}\
td.number,th.number{text-align:right}td.reason{white-space:normal;min-width:14rem}\
figure{margin:1rem 0}svg{max-width:100%;height:auto;background:#fff;border-radius:4px}\
pre{overflow-x:auto;padding:.75rem;border:1px solid var(--line);border-radius:4px;font-size:13px}";

fn page(
    sweep: &v1::Sweep,
    trials: &[v1::Trial],
    plots: &[(String, String)],
    most: usize,
    written: &str,
) -> String {
    let name =
        if sweep.name.is_empty() { sweep.id.clone() } else { format!("{} ({})", sweep.name, sweep.id) };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        title = text(&format!("Sweep {name}")),
    );
    if !sweep.description.is_empty() {
        html.push_str(&format!("<p>{}</p>\n", text(&sweep.description)));
    }
    html.push_str(&head(sweep, written));
    html.push_str(&best(sweep, trials));
    for (title, picture) in plots {
        html.push_str(&format!(
            "<figure role=\"img\" aria-label=\"{}\">\n{}\n</figure>\n",
            text(title),
            inline(picture)
        ));
    }
    html.push_str(&failures(trials));
    html.push_str(&table(sweep, trials, most));
    html.push_str(&format!("<h2>Sweep file</h2>\n<pre>{}</pre>\n</body>\n</html>\n", text(&sweep.text)));
    html
}

/// An SVG within a page: it needs no declarations there.
fn inline(picture: &str) -> &str {
    picture.find("<svg").map_or(picture, |at| &picture[at..]).trim_end()
}

fn head(sweep: &v1::Sweep, written: &str) -> String {
    let counts = sweep.counts.unwrap_or_default();
    let reason = if sweep.reason.is_empty() { String::new() } else { format!(" ({})", sweep.reason) };
    let goal = sweep.goal().to_core().map(sweep_core::objective::Goal::word).unwrap_or_default();
    let mut rows = vec![
        ("state", format!("{}{reason}", sweep_state_word(sweep.state))),
        ("trials", crate::progress::line(sweep)),
        ("search", format!("{}, seed {}", sweep.method, sweep.seed)),
        ("began", show::time(sweep.created_at_ms).unwrap_or_default()),
    ];
    if counts.stopped_early + counts.cancelled > 0 {
        rows.push((
            "ended otherwise",
            format!("{} stopped early, {} cancelled", counts.stopped_early, counts.cancelled),
        ));
    }
    if !sweep.objective_name.is_empty() {
        rows.insert(1, ("objective", format!("{goal} {}", sweep.objective_name)));
    }
    let rows: String = rows
        .iter()
        .map(|(name, said)| format!("<tr><th>{name}</th><td>{}</td></tr>\n", text(said)))
        .collect();
    format!("<p class=\"faint\">written {written}</p>\n<table>\n{rows}</table>\n")
}

fn best(sweep: &v1::Sweep, trials: &[v1::Trial]) -> String {
    let Some(value) = sweep.best_objective else { return String::new() };
    let Some(trial) = trials.iter().find(|trial| trial.number == sweep.best_trial_number) else {
        return String::new();
    };
    let params: String = show::flat(trial)
        .iter()
        .map(|(name, value)| {
            format!("<tr><th>{}</th><td>{}</td></tr>\n", text(name), text(&python_str(value)))
        })
        .collect();
    format!(
        "<h2>Best: trial {}, {} {}</h2>\n<table>\n{params}</table>\n",
        trial.number,
        text(&sweep.objective_name),
        show::number(value)
    )
}

/// Reasons of failures, the commonest first.
fn failures(trials: &[v1::Trial]) -> String {
    let mut reasons: std::collections::BTreeMap<&str, Vec<u64>> = std::collections::BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial_state_word(trial.state) == "failed") {
        reasons.entry(&trial.reason).or_default().push(trial.number);
    }
    if reasons.is_empty() {
        return String::new();
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, numbers)| std::cmp::Reverse(numbers.len()));
    let rows: String = reasons
        .into_iter()
        .map(|(reason, mut numbers)| {
            numbers.sort_unstable();
            let shown: Vec<_> = numbers.iter().take(10).map(u64::to_string).collect();
            let more = if numbers.len() > 10 { ", ..." } else { "" };
            format!(
                "<tr><td class=\"number\">{}</td><td class=\"reason\">{}</td><td>{}{more}</td></tr>\n",
                numbers.len(),
                text(reason),
                shown.join(", ")
            )
        })
        .collect();
    format!(
        "<h2>Failures</h2>\n<table>\n<tr><th class=\"number\">trials</th><th>reason</th><th>numbers</th></tr>\n{rows}</table>\n"
    )
}

fn table(sweep: &v1::Sweep, trials: &[v1::Trial], most: usize) -> String {
    let shown = &trials[..trials.len().min(most)];
    let sheet = show::trials(shown, &show::objective_names(sweep));
    let class = |right: bool| if right { " class=\"number\"" } else { "" };
    let head: String = sheet
        .table
        .iter()
        .map(|column| format!("<th{}>{}</th>", class(column.right), text(&column.title)))
        .collect();
    let rows: String = shown
        .iter()
        .map(|trial| {
            let cells: String = sheet
                .table
                .iter()
                .map(|column| format!("<td{}>{}</td>", class(column.right), text(&(column.cell)(trial))))
                .collect();
            format!("<tr>{cells}</tr>\n")
        })
        .collect();
    let left = trials.len() - shown.len();
    let more = if left > 0 {
        format!("<p class=\"faint\">and {left} more: sweep-ctl export {}</p>\n", sweep.id)
    } else {
        String::new()
    };
    format!("<h2>Trials</h2>\n<div class=\"wide\"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_no_place_outside_itself() {
        let sweep = v1::Sweep {
            id: "k3x9q2ab".into(),
            name: "<script>alert(1)</script>".into(),
            state: v1::SweepState::Finished.into(),
            objective_name: "loss".into(),
            best_objective: Some(0.25),
            best_trial_number: 1,
            text: "program: a & b\n".into(),
            ..Default::default()
        };
        let trial = |number, state: v1::TrialState| v1::Trial {
            number,
            sweep_id: "k3x9q2ab".into(),
            params_json: r#"{"lr":0.1}"#.into(),
            state: state.into(),
            reason: if state == v1::TrialState::Failed { "exit code 1".into() } else { String::new() },
            ..Default::default()
        };
        let trials = [trial(1, v1::TrialState::Finished), trial(2, v1::TrialState::Failed)];
        let plots = [("history".to_owned(), "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>\n".to_owned())];
        let page = page(&sweep, &trials, &plots, 1, "2026-01-01 00:00 UTC");
        assert!(!page.contains("<script"), "{page}");
        for outside in ["src=", "href=", "url(", "@import", "<link"] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
        assert_eq!(
            page.replace("http://www.w3.org/2000/svg", "").matches("http").count(),
            1,
            "the meta element only"
        );
        assert!(page.contains("and 1 more") && page.contains("exit code 1") && page.contains("a &amp; b"));
    }
}
