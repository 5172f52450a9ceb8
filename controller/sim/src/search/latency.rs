//! The time of a proposal after many trials, on one core.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use comfy_table::Table;
use sweep_core::search::{History, Outcome, Past, Proposer, propose};

use super::functions;

/// Past trials.
const HISTORIES: [u64; 3] = [100, 1_000, 10_000];
/// Proposals of which the median and the slowest are told.
const ASKS: u64 = 21;

/// Prints a table of methods by lengths of the history, on the functions' mixed space.
pub(crate) fn run(methods: &[String]) -> anyhow::Result<()> {
    let objectives = functions::all();
    let objective = objectives.iter().find(|objective| objective.name == "mixed10").context("no mixed10")?;
    let random = objective.spec("random")?;
    let mut trials = Vec::new();
    for number in 1..=HISTORIES[2] {
        let params = propose(&random, 7, number).context("a random trial")?;
        let outcome = Outcome::Done(vec![(objective.value)(&params)?]);
        trials.push(Past { number, values: random.values_of(&params), outcome });
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(
        ["median / slowest ms".to_owned()].into_iter().chain(HISTORIES.map(|count| count.to_string())),
    );
    for method in methods {
        let spec = objective.spec(method)?;
        let mut row = vec![method.clone()];
        for count in HISTORIES {
            let history = History { trials: trials[..count as usize].to_vec() };
            let mut proposer = Proposer::default();
            let mut times: Vec<Duration> = (0..ASKS)
                .map(|at| {
                    let began = Instant::now();
                    let proposal = proposer.propose(&spec, 7, count + 1 + at, &history);
                    std::hint::black_box(proposal);
                    began.elapsed()
                })
                .collect();
            times.sort();
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            row.push(format!("{:.2} / {:.2}", ms(times[times.len() / 2]), ms(times[times.len() - 1])));
        }
        table.add_row(row);
    }
    crate::print(&format!("{table}\n"))
}
