//! `sweep-train bench load`: how many images a second the input pipeline gives.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use sweep_train::augment::Augment;
use sweep_train::augmentation::Augmentation;
use sweep_train::data::{Course, Images, Keep, Opened, Recipe, Source, Workers};
use sweep_train::{Config, TrainError};

use super::{Output, print, print_json, table};

#[derive(Debug, clap::Args)]
pub(crate) struct BenchLoad {
    /// Folder, .tar, .tar.gz or .csv
    #[arg(long, value_name = "PATH")]
    path: PathBuf,
    /// Side in pixels
    #[arg(long = "image_size", alias = "image-size", default_value_t = 128, value_parser = clap::value_parser!(u16).range(32..=4096))]
    image_size: u16,
    /// Threads that prepare batches
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Use the first so many images
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u32).range(1..))]
    images: u32,
    /// Images of a batch
    #[arg(long = "batch_size", alias = "batch-size", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,
    /// Passes of which the median is taken
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    passes: u16,
    /// Folder of the cache of decoded images [default: sweep/data in XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[arg(short, long, default_value = "table")]
    output: Output,
}

#[derive(Serialize)]
struct Report {
    image_size: u16,
    threads: u16,
    images: usize,
    rows: Vec<Row>,
    /// Memory of this process that belongs to no file, in bytes, at the end; `None` where the system does not tell.
    rss_anon: Option<u64>,
}

#[derive(Serialize)]
struct Row {
    pixels: &'static str,
    augment: &'static str,
    images_per_second: f64,
}

pub(crate) fn run(bench: &BenchLoad) -> Result<(), TrainError> {
    let config = Config::with_defaults(bench.path.clone());
    let folder = bench.cache.clone().or_else(|| config.cache_folder()).ok_or_else(|| {
        TrainError::Config("neither XDG_CACHE_HOME nor HOME is set; name a folder: --cache DIR".to_owned())
    })?;
    let seed = Augmentation { augment: Augment::Seed, ..config.augmentation }.recipe(config.seed as u64);
    let mut rows = Vec::new();
    let mut images = 0;
    for (pixels, keep) in [("decoded each time", Keep::Nowhere), ("from the cache", Keep::Folder(&folder))] {
        let opened = open(bench, keep)?;
        images = opened.entries().len();
        for (augment, recipe) in [("none", &Recipe::plain()), ("seed", &seed)] {
            let images_per_second = measure(&opened, recipe, bench)?;
            rows.push(Row { pixels, augment, images_per_second });
        }
    }
    let report =
        Report { image_size: bench.image_size, threads: bench.threads, images, rows, rss_anon: rss_anon() };
    match bench.output {
        Output::Json => print_json(&report),
        Output::Table => {
            let row = |row: &Row| {
                vec![row.pixels.to_owned(), row.augment.to_owned(), format!("{:.0}", row.images_per_second)]
            };
            let memory = report
                .rss_anon
                .map_or_else(String::new, |bytes| format!("RssAnon {:.0} MB\n", bytes as f64 / 1e6));
            print(&format!(
                "{} images at {} px, {} threads\n{}{memory}",
                images,
                bench.image_size,
                bench.threads,
                table(&["pixels", "augment", "images/s"], report.rows.iter().map(row))
            ))
        }
    }
}

fn open(bench: &BenchLoad, keep: Keep<'_>) -> Result<Arc<Images>, TrainError> {
    let mut source = Source::open(&bench.path)?;
    let mut entries = source.take_entries();
    entries.truncate(bench.images as usize);
    let Opened { images, .. } = Images::open(source, entries, u32::from(bench.image_size), keep)?;
    Ok(Arc::new(images))
}

/// Images per second, the median of the passes.
fn measure(images: &Arc<Images>, recipe: &Recipe, bench: &BenchLoad) -> Result<f64, TrainError> {
    /// Batches that wait to be taken.
    const AHEAD: usize = 4;
    let workers = Workers::new(usize::from(bench.threads))?;
    let all: Vec<usize> = (0..images.entries().len()).collect();
    let mut rates = Vec::new();
    for epoch in 0..u32::from(bench.passes) {
        let batches = all.chunks(bench.batch_size as usize).map(<[usize]>::to_vec).collect();
        let begun = Instant::now();
        let mut seen = 0;
        for item in
            workers.load(images, Course { recipe: recipe.clone(), epoch, batches, first: 0, ahead: AHEAD })
        {
            seen += item?.1.truth.len();
        }
        rates.push(seen as f64 / begun.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[rates.len() / 2])
}

/// Anonymous memory of this process in bytes, as Linux tells it.
fn rss_anon() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
