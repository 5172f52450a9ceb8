//! `top`: a sweep on the whole screen, as it runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::ops::ControlFlow;

use clap::Args;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize as _};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Row, Table, TableState};
use sweep_core::objective::Goal;
use sweep_core::value::python_str;
use sweep_proto::convert::{sweep_state_word, trial_state_word};
use sweep_proto::v1;
use tokio::sync::{Notify, mpsc};

use crate::args::Format;
use crate::client::Client;
use crate::commands::get_sweep;
use crate::exit::{Exit, Failure};
use crate::filter;
use crate::show;
use crate::watch::{self, News};

/// Show a sweep on the whole screen as it runs. `q` leaves; the sweep goes on. Where there is no terminal, as `watch`.
///
/// Examples:
///   sweep-ctl top
///   sweep-ctl top k3x9q2ab
///
/// Keys: q leave, up and down choose, s the next order (number, objective, state).
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TopArgs {
    #[arg(default_value = "-")]
    sweep: String,
}

/// What is shown.
#[derive(Default)]
struct View {
    sweep: v1::Sweep,
    trials: BTreeMap<u64, v1::Trial>,
    away: bool,
    order: usize,
    chosen: TableState,
}

/// The orders of the table: a key of [`filter::sort`], and its name.
const ORDERS: [(&str, &str); 3] =
    [("-number", "newest first"), ("objective", "best first"), ("state", "by state")];

pub(crate) async fn run(client: &mut Client, output: Format, args: TopArgs) -> Result<(), Failure> {
    let sweep = get_sweep(client, args.sweep).await?;
    if output != Format::Table || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return watch::run(client, output, watch::WatchArgs::of(sweep.id)).await;
    }
    let id = sweep.id.clone();
    let mut terminal = ratatui::try_init().map_err(|error| broken(&error))?;
    let view = RefCell::new(View { sweep, ..View::default() });
    let changed = Notify::new();
    // It ends by an error only: the screen stays when the sweep is over.
    let follow = watch::each::<std::convert::Infallible>(client, &id, |news| {
        view.borrow_mut().hear(news);
        changed.notify_one();
        Ok(ControlFlow::Continue(()))
    });
    let shown = tokio::select! {
        failed = follow => failed.map(|never| match never {}),
        left = shown(&mut terminal, &view, &changed) => left,
    };
    ratatui::restore();
    shown
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Unexpected, format!("the terminal cannot be used: {error}"))
}

/// Draws whenever something changed, until somebody leaves.
async fn shown(
    terminal: &mut ratatui::DefaultTerminal,
    view: &RefCell<View>,
    changed: &Notify,
) -> Result<(), Failure> {
    let (keys, mut pressed) = mpsc::channel(16);
    // The terminal is read in a thread of its own, which ends with the program.
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if keys.blocking_send(event).is_err() {
                return;
            }
        }
    });
    // So that the times that run go on.
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        let drawn = terminal.draw(|frame| draw(frame, &mut view.borrow_mut(), now_ms()));
        drawn.map_err(|error| broken(&error))?;
        tokio::select! {
            () = changed.notified() => {}
            Some(event) = pressed.recv() => {
                if view.borrow_mut().press(&event).is_break() {
                    return Ok(());
                }
            }
            _ = tick.tick() => {}
        }
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl View {
    fn hear(&mut self, news: News) {
        match news {
            News::Away => self.away = true,
            News::Changed(news) => {
                self.away = false;
                self.sweep = news.sweep.unwrap_or_default();
                self.trials.extend(news.trials.into_iter().map(|trial| (trial.number, trial)));
            }
        }
    }

    fn press(&mut self, event: &Event) -> ControlFlow<()> {
        let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else {
            return ControlFlow::Continue(());
        };
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return ControlFlow::Break(()),
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => return ControlFlow::Break(()),
            KeyCode::Down | KeyCode::Char('j') => self.chosen.select_next(),
            KeyCode::Up | KeyCode::Char('k') => self.chosen.select_previous(),
            KeyCode::Char('s') => self.order = (self.order + 1) % ORDERS.len(),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn goal(&self) -> Goal {
        self.sweep.goal().to_core().unwrap_or(Goal::Minimize)
    }

    fn ordered(&self) -> Vec<v1::Trial> {
        let mut trials: Vec<_> = self.trials.values().cloned().collect();
        let key = match ORDERS[self.order].0 {
            "objective" if self.goal() == Goal::Maximize => "-objective",
            key => key,
        };
        // Orders by what every trial has: nothing is unknown.
        let _ = filter::sort(&mut trials, key);
        trials
    }
}

fn draw(frame: &mut Frame<'_>, view: &mut View, now_ms: i64) {
    let tall = frame.area().height >= 24;
    let parts = [
        Constraint::Length(4),
        Constraint::Length(if tall { 10 } else { 0 }),
        Constraint::Min(3),
        Constraint::Length(1),
    ];
    let [head, chart, table, foot] = Layout::vertical(parts).areas(frame.area());
    draw_head(frame, view, head, now_ms);
    if tall {
        draw_history(frame, view, chart);
    }
    draw_trials(frame, view, table, now_ms);
    let away = if view.away { "  the controller is away; waiting for it" } else { "" };
    let foot_text = format!("q leave   up/down choose   s order: {}{away}", ORDERS[view.order].1);
    frame.render_widget(Paragraph::new(foot_text).dim(), foot);
}

fn draw_head(frame: &mut Frame<'_>, view: &View, area: Rect, now_ms: i64) {
    let sweep = &view.sweep;
    let [title, gauge, words, best] = Layout::vertical([Constraint::Length(1); 4]).areas(area);
    let length =
        show::duration(if sweep.ended_at_ms > 0 { sweep.ended_at_ms } else { now_ms } - sweep.created_at_ms);
    let state = sweep_state_word(sweep.state);
    let reason = if sweep.reason.is_empty() { String::new() } else { format!(" ({})", sweep.reason) };
    let line = Line::from(vec![
        Span::from(format!("{} ", sweep.id)).bold(),
        Span::from(format!("{}  ", sweep.name)),
        Span::from(format!("{state}{reason}")).style(state_style(state)),
        Span::from(format!("  {} since {length}", sweep.method)),
    ]);
    frame.render_widget(line, title);
    let planned = sweep.planned_trials.unwrap_or(0);
    let share = if planned == 0 { 0.0 } else { (show::ended(sweep) as f64 / planned as f64).min(1.0) };
    let bar = Gauge::default().ratio(share).label(show::progress(sweep)).use_unicode(true);
    frame.render_widget(bar, gauge);
    let c = sweep.counts.unwrap_or_default();
    let counts = format!(
        "{} running  {} queued  {} finished  {} stopped early  {} failed  {} cancelled",
        c.active, c.queued, c.finished, c.stopped_early, c.failed, c.cancelled
    );
    frame.render_widget(Line::from(counts), words);
    if let Some(value) = sweep.best_objective {
        let params = view.trials.get(&sweep.best_trial_number).map(|trial| {
            let params =
                show::flat(trial).into_iter().map(|(name, value)| format!("{name} {}", python_str(&value)));
            params.collect::<Vec<_>>().join("  ")
        });
        let text = format!(
            "best {} {}  trial {}  {}",
            sweep.objective_name,
            show::number(value),
            sweep.best_trial_number,
            params.unwrap_or_default()
        );
        frame.render_widget(Line::from(text), best);
    }
}

/// The objective of each trial and the best so far.
fn draw_history(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let goal = view.goal();
    let points: Vec<(f64, f64)> = view
        .trials
        .values()
        .filter_map(|trial| Some((trial.number as f64, trial.objective.filter(|value| value.is_finite())?)))
        .collect();
    let block = Block::bordered().title(format!(" {} by trial ", view.sweep.objective_name));
    if points.is_empty() {
        return frame.render_widget(Paragraph::new("no trial has reported it yet").block(block), area);
    }
    let mut best = points[0].1;
    let line: Vec<_> = points
        .iter()
        .map(|&(x, y)| {
            best = if goal.better(y, best) { y } else { best };
            (x, best)
        })
        .collect();
    let (low, high) = points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
    let room = if high > low { (high - low) * 0.05 } else { 0.5 };
    let last = points.last().map_or(1.0, |(x, _)| x.max(2.0));
    let sets = vec![
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().cyan())
            .data(&line),
        Dataset::default().marker(Marker::Dot).graph_type(GraphType::Scatter).data(&points),
    ];
    let labels = [show::number(low), show::number(high)];
    let chart = Chart::new(sets)
        .block(block)
        .x_axis(Axis::default().bounds([1.0, last]).labels(["1".to_owned(), format!("{last}")]))
        .y_axis(Axis::default().bounds([low - room, high + room]).labels(labels));
    frame.render_widget(chart, area);
}

fn state_style(state: &str) -> Style {
    match state {
        "running" | "leased" => Style::new().cyan(),
        "finished" => Style::new().green(),
        "failed" | "cancelled" => Style::new().red(),
        "stopped_early" | "paused" => Style::new().yellow(),
        _ => Style::new(),
    }
}

fn draw_trials(frame: &mut Frame<'_>, view: &mut View, area: Rect, now_ms: i64) {
    let trials = view.ordered();
    let sheet = show::trials(&trials, &show::objective_names(&view.sweep));
    // Parameters that differ are the columns between the objective and the time.
    let varying: Vec<_> = sheet.table.iter().skip(3).take(sheet.table.len().saturating_sub(6)).collect();
    let mut titles = vec![
        "trial".to_owned(),
        "state".to_owned(),
        view.sweep.objective_name.clone(),
        "time".to_owned(),
        "agent".to_owned(),
    ];
    titles.extend(varying.iter().map(|column| column.title.clone()));
    titles.push("reason".to_owned());
    let rows = trials.iter().map(|trial| {
        let state = trial_state_word(trial.state);
        let running = matches!(state, "running" | "leased") && trial.started_at_ms > 0;
        let time = show::length(trial).or(running.then_some(now_ms - trial.started_at_ms));
        let mut cells = vec![
            Span::from(trial.number.to_string()),
            Span::from(state).style(state_style(state)),
            Span::from(show::optional(trial.objective)),
            Span::from(time.map(show::duration).unwrap_or_default()),
            Span::from(trial.agent.clone()),
        ];
        cells.extend(varying.iter().map(|column| Span::from((column.cell)(trial))));
        cells.push(Span::from(trial.reason.clone()));
        let best = trial.number == view.sweep.best_trial_number && view.sweep.best_objective.is_some();
        let row = Row::new(cells);
        if best { row.style(Style::new().add_modifier(Modifier::BOLD)) } else { row }
    });
    let mut widths = vec![
        Constraint::Length(6),
        Constraint::Length(13),
        Constraint::Length(12),
        Constraint::Length(8),
        Constraint::Length(14),
    ];
    widths.extend(varying.iter().map(|_| Constraint::Length(12)));
    widths.push(Constraint::Min(10));
    let table = Table::new(rows, widths)
        .header(Row::new(titles.iter().map(|title| title.to_uppercase())).dim())
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut view.chosen);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn view() -> View {
        let trial = |number: u64, state: v1::TrialState, objective: Option<f64>| v1::Trial {
            number,
            sweep_id: "k3x9q2ab".into(),
            state: state.into(),
            objective,
            agent: "box".into(),
            params_json: format!(r#"{{"lr":{},"net":{{"depth":{number}}}}}"#, number as f64 / 100.0),
            started_at_ms: 1_700_000_000_000,
            finished_at_ms: if state == v1::TrialState::Running { 0 } else { 1_700_000_065_000 },
            reason: if state == v1::TrialState::Failed { "exit code 1".into() } else { String::new() },
            ..Default::default()
        };
        let trials = [
            trial(1, v1::TrialState::Finished, Some(0.5)),
            trial(2, v1::TrialState::Failed, None),
            trial(3, v1::TrialState::Finished, Some(0.75)),
            trial(4, v1::TrialState::Running, Some(0.4)),
        ];
        let mut view = View::default();
        let sweep = v1::Sweep {
            id: "k3x9q2ab".into(),
            name: "faces".into(),
            state: v1::SweepState::Running.into(),
            method: "random".into(),
            objective_name: "f1".into(),
            goal: v1::Goal::Maximize.into(),
            planned_trials: Some(8),
            counts: Some(v1::TrialCounts {
                active: 1,
                finished: 2,
                failed: 1,
                queued: 4,
                ..Default::default()
            }),
            best_objective: Some(0.75),
            best_trial_number: 3,
            created_at_ms: 1_700_000_000_000,
            ..Default::default()
        };
        view.hear(News::Changed(Box::new(v1::WatchResponse {
            change: 1,
            sweep: Some(sweep),
            trials: trials.to_vec(),
        })));
        view
    }

    fn screen(view: &mut View, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, height)).expect("opens");
        terminal.draw(|frame| draw(frame, view, 1_700_000_090_000)).expect("draws");
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_the_sweep_its_history_and_its_trials() {
        insta::assert_snapshot!("top_tall", screen(&mut view(), 26));
        insta::assert_snapshot!("top_short", screen(&mut view(), 12));
    }

    #[test]
    fn keys_order_choose_and_leave() {
        let press = |view: &mut View, code| view.press(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        let mut view = view();
        let numbers = |view: &View| view.ordered().iter().map(|trial| trial.number).collect::<Vec<_>>();
        assert_eq!(numbers(&view), [4, 3, 2, 1]);
        assert!(press(&mut view, KeyCode::Char('s')).is_continue());
        assert_eq!(numbers(&view), [3, 1, 4, 2]);
        assert!(press(&mut view, KeyCode::Down).is_continue());
        assert_eq!(view.chosen.selected(), Some(0));
        assert!(press(&mut view, KeyCode::Char('q')).is_break());
        view.hear(News::Away);
        assert!(screen(&mut view, 12).contains("the controller is away"));
    }
}
