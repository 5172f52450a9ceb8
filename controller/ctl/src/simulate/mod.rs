//! `simulate`: methods and stop rules compared on known curves, before any device is used.

mod compare;
pub(crate) mod curves;
mod plot;
mod report;
mod svg;
mod variant;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use sweep_core::simulate::{Rows, Setup};

use crate::args::{Format, Set};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::table::{put, say};
use crate::{local, set};
use compare::{Comparison, Play};
use curves::Curves;
use variant::Variant;

/// The command line of `simulate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    /// The sweep file: parameters, metric, run_cap. `-` reads standard input.
    file: PathBuf,
    /// The curves: a file as `sweep-ctl curves` writes it, or a finished SWEEP of the controller.
    #[arg(long, value_name = "TABLE|SWEEP")]
    on: String,
    /// Trials at one time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    workers: u32,
    /// Sweeps of each variant, with seeds 1, 2, ...
    #[arg(long, value_name = "K", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,
    /// What is compared: methods, or METHOD+RULE with a stop rule by its name; the first is what the others are compared to.
    /// Without it: random, the file's method, tpe and auto, each also with every rule there is.
    #[arg(long = "method", visible_alias = "compare", value_delimiter = ',', value_name = "METHOD[+RULE]")]
    variants: Vec<String>,
    /// A stop rule, as the file would have it: '{type: asha, resource: epoch, min: 1, max: 27}'. It is named by its type, or
    /// NAME={...}. The file's own is there too. Repeatable.
    #[arg(long = "stop", value_name = "[NAME=]RULE")]
    rules: Vec<String>,
    /// A value of the metric: how long it takes to reach it. Without it: the first variant's best, seed by seed.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    target: Option<f64>,
    /// What it costs to hold a trial and let it go on later (`promote: pause`).
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    resume_seconds: f64,
    /// Draw the plots here as well.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    set: Set,
}

/// Plays all variants and prints how they compare.
pub(crate) async fn run(server: &str, output: Format, args: &Simulate) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let text = set::apply(local::read_file(&args.file)?, &args.set.set)?;
    let spec = local::check(&sweep_core::spec::parse(&text), &name, &text)?;
    let Some(metric) = &spec.metric else {
        let message = format!("{name} has no `metric`, so no curve is better than another");
        return Err(Failure::new(Exit::Usage, format!("{message}\n  add metric: {{name: val_loss}}")));
    };
    let variants = variant::all(&name, &text, &spec, &args.variants, &args.rules)?;
    let curves = if Path::new(&args.on).is_file() {
        Curves::read(Path::new(&args.on))?
    } else if args.on.contains(['.', '/']) {
        // No sweep is called so.
        let message = format!("there is no file {}", args.on);
        return Err(Failure::new(
            Exit::NotFound,
            format!("{message}\n  record one: sweep-ctl curves SWEEP > {}", args.on),
        ));
    } else {
        curves::record(&mut Client::connect(server).await?, args.on.clone(), Some(&metric.name)).await?
    };
    let rows = curves.rows(&spec, &name)?;
    if rows.is_empty() {
        return Err(Failure::new(Exit::Nothing, format!("{} has no trials to play", args.on)));
    }
    let began = Instant::now();
    let plays = play_all(&rows, &variants, args)?;
    let (took, count) = (began.elapsed().as_secs_f64(), variants.len() * args.seeds as usize);
    let comparison = Comparison::of(&spec, metric, &rows, args, &variants, &plays);
    say(&format!(
        "{name} on {}: {} trials of {} device-hours, {} at one time, {} seeds; {count} sweeps played in {took:.2} s, {:.0} a second",
        args.on,
        rows.len(),
        crate::show::number(rows.seconds() / 3600.0),
        args.workers,
        args.seeds,
        count as f64 / took.max(1e-9),
    ));
    if let Some(path) = &args.svg {
        let failed =
            |error| Failure::new(Exit::Unexpected, format!("cannot write {}: {error}", path.display()));
        std::fs::write(path, svg::page(&comparison)).map_err(failed)?;
    }
    put(&report::render(&comparison, output)?)
}

/// Every variant with every seed, on all cores; by variant, then seed.
fn play_all(rows: &Rows, variants: &[Variant], args: &Simulate) -> Result<Vec<Vec<Play>>, Failure> {
    let seeds = args.seeds as usize;
    let jobs = variants.len() * seeds;
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Play>>> = Mutex::new((0..jobs).map(|_| None).collect());
    let one = |at: usize| {
        let (variant, seed) = (&variants[at / seeds], (at % seeds) as u64 + 1);
        let goal =
            variant.spec.metric.as_ref().map_or(sweep_core::objective::Goal::Minimize, |metric| metric.goal);
        let setup = Setup {
            workers: args.workers as usize,
            judge: variant.spec.judge(),
            stop: variant.spec.stop.clone(),
            seed,
            resume_seconds: args.resume_seconds.max(0.0),
            ..Setup::new(goal, variant.spec.run_cap.unwrap_or(u64::MAX))
        };
        Play::of(&rows.play(&variant.spec, &setup, seed))
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(jobs) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= jobs {
                        return;
                    }
                    let play = one(at);
                    if let Ok(mut done) = done.lock() {
                        done[at] = Some(play);
                    }
                }
            });
        }
    });
    let done: Option<Vec<Play>> = done.into_inner().ok().and_then(|done| done.into_iter().collect());
    let lost = || Failure::new(Exit::Unexpected, "a sweep was not played to its end");
    Ok(done.ok_or_else(lost)?.chunks(seeds).map(<[Play]>::to_vec).collect())
}
