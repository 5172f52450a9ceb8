//! `sweep-train data`: what a data set holds, what is wrong with it, its split and its cache.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Subcommand, ValueEnum};
use serde_json::json;
use sweep_train::data::{Cache, Dataset, Duplicates, Made, Source, Stats, Survey};
use sweep_train::{Config, TrainError};

use super::{Output, print, print_json, table};

/// How many groups or names a table lists; JSON has them all.
const LISTED: usize = 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Malformed names, corrupt files, exact and near duplicates
    Check {
        /// Folder, .tar, .tar.gz or .csv
        path: PathBuf,
        #[arg(short, long, default_value = "table")]
        output: Output,
    },
    /// How often each class occurs, alone and crossed with others
    Stats {
        /// Folder, .tar, .tar.gz or .csv
        path: PathBuf,
        #[arg(short, long, default_value = "table")]
        output: Form,
    },
    /// Write the split as a manifest for `manifest`, to standard output
    Split {
        /// Folder, .tar, .tar.gz or .csv
        path: PathBuf,
        #[arg(long = "split_seed", alias = "split-seed", default_value_t = 7)]
        split_seed: u32,
        /// Split only so many images, chosen by split_seed
        #[arg(long)]
        limit: Option<u32>,
        #[arg(long, default_value = "apart", ignore_case = true)]
        duplicates: Duplicates,
    },
    /// Decode all images of a size into the cache that trainings share
    Pack {
        /// Folder, .tar, .tar.gz or .csv
        path: PathBuf,
        /// Side in pixels
        #[arg(long = "image_size", alias = "image-size", default_value_t = 256, value_parser = clap::value_parser!(u16).range(32..=4096))]
        image_size: u16,
        /// Folder of the cache [default: sweep/data in XDG_CACHE_HOME or ~/.cache]
        #[arg(long, value_name = "DIR")]
        cache: Option<PathBuf>,
        #[arg(short, long, default_value = "table")]
        output: Output,
    },
}

/// Form of the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Table,
    Json,
    Svg,
}

pub(crate) fn run(command: Data) -> Result<(), TrainError> {
    match command {
        Data::Check { path, output } => {
            let survey = Survey::of(&path)?;
            match output {
                Output::Json => print_json(&survey),
                Output::Table => print(&check_text(&survey)),
            }
        }
        Data::Stats { path, output } => {
            let survey = Survey::of(&path)?;
            match output {
                Form::Json => print_json(&survey.stats),
                Form::Svg => print(&survey.stats.svg()),
                Form::Table => print(&stats_text(&survey.stats)),
            }
        }
        Data::Split { path, split_seed, limit, duplicates } => {
            let config = Config {
                split_seed: i64::from(split_seed),
                limit: limit.map(i64::from),
                duplicates,
                // Nobody sees the pixels.
                image_size: 32,
                cache: Some("none".to_owned()),
                ..Config::with_defaults(path)
            };
            config.check()?;
            print(&Dataset::load(&config)?.manifest(u64::from(split_seed)).to_text())
        }
        Data::Pack { path, image_size, cache, output } => pack(&path, image_size, cache, output),
    }
}

fn pack(path: &Path, side: u16, cache: Option<PathBuf>, output: Output) -> Result<(), TrainError> {
    let folder =
        cache.or_else(|| Config::with_defaults(path.to_owned()).cache_folder()).ok_or_else(|| {
            TrainError::Config(
                "neither XDG_CACHE_HOME nor HOME is set; name a folder: --cache DIR".to_owned(),
            )
        })?;
    let begun = Instant::now();
    let source = Source::open(path)?;
    let (cache, made) = Cache::open(&folder, &source, source.entries(), u32::from(side))?;
    let corrupt = cache.looks.iter().filter(|look| !look.whole).count();
    let (how, why) = match made {
        Made::Found => ("found", None),
        Made::New => ("made", None),
        Made::Again(why) => ("made again", Some(why)),
    };
    let (bytes, seconds) = (cache.bytes(), begun.elapsed().as_secs_f64());
    match output {
        Output::Json => print_json(&json!({
            "path": cache.path, "made_up": source.made_up(), "images": cache.looks.len(), "corrupt": corrupt, "image_size": side, "bytes": bytes,
            "state": how, "damage": why, "seconds": seconds,
        })),
        Output::Table => {
            let damage = why.map_or_else(String::new, |why| format!(" (damaged: {why})"));
            print(&format!(
                "{how}{damage}: {} images at {side} px, {corrupt} of them corrupt, {:.0} MB, in {seconds:.1} s\n{}\n",
                cache.looks.len(),
                bytes as f64 / 1e6,
                cache.path.display()
            ))
        }
    }
}

fn check_text(survey: &Survey) -> String {
    let duplicates = &survey.duplicates;
    let row = |what: &str, groups: Option<usize>, files: usize| {
        vec![what.to_owned(), groups.map_or_else(String::new, |groups| groups.to_string()), files.to_string()]
    };
    let mut text = table(
        &["what", "groups", "files"],
        [
            row("image files", None, survey.files),
            row("usable", None, survey.usable),
            row("labels unknown, or unreadable", None, survey.malformed.len()),
            row("corrupt", None, survey.corrupt.len()),
            row("equal files", Some(duplicates.exact_groups), duplicates.exact_files),
            row(
                "equal files, contradicting labels",
                Some(duplicates.contradicting_groups),
                duplicates.contradicting_files,
            ),
            row("look alike", Some(duplicates.near_groups), duplicates.near_files),
        ],
    );
    let groups = |groups: &[Vec<String>]| groups.iter().map(|group| group.join("  ")).collect::<Vec<_>>();
    if survey.made_up {
        text += "made up: sweep-train synth drew them, or some of them\n";
    }
    list(
        &mut text,
        "labels unknown, or unreadable",
        &survey.malformed.iter().map(ToString::to_string).collect::<Vec<_>>(),
    );
    list(&mut text, "corrupt", &survey.corrupt);
    list(&mut text, "equal files, contradicting labels", &groups(&survey.contradicting));
    list(&mut text, "look alike", &groups(&survey.near));
    text
}

fn list(text: &mut String, what: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    // Writing to a string fails for no reason.
    let _written = writeln!(text, "\n{what}:");
    for line in lines.iter().take(LISTED) {
        let _written = writeln!(text, "  {line}");
    }
    if lines.len() > LISTED {
        let _written = writeln!(text, "  ... and {} more: -o json lists them all", lines.len() - LISTED);
    }
}

fn stats_text(stats: &Stats) -> String {
    /// Signs of the longest bar.
    const BAR: f64 = 40.0;
    let mut text = format!("{} images\n", stats.images);
    for head in &stats.heads {
        let most = head.counts.iter().copied().max().unwrap_or(0).max(1);
        let rows = head.classes.iter().zip(&head.counts).map(|(class, count)| {
            let share = 100.0 * *count as f64 / stats.images.max(1) as f64;
            let bar = "#".repeat((BAR * *count as f64 / most as f64).round() as usize);
            vec![(*class).to_owned(), count.to_string(), format!("{share:.1} %"), format!("{bar:<40}")]
        });
        text += "\n";
        text += &table(&[head.head.word(), "images", "share", ""], rows);
    }
    for crossing in &stats.crossings {
        let header: Vec<&str> =
            std::iter::once(crossing.rows.word()).chain(crossing.columns.classes().iter().copied()).collect();
        let rows = crossing.rows.classes().iter().zip(&crossing.counts).map(|(class, counts)| {
            std::iter::once((*class).to_owned()).chain(counts.iter().map(ToString::to_string)).collect()
        });
        text += "\n";
        text += &table(&header, rows);
    }
    text
}
