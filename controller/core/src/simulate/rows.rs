//! A table made of the trials of a finished sweep.
//!
//! Such a table knows only the points that were tried, so the search is held to them: of the rows that were not taken
//! yet, a trial gets the one nearest to what was proposed, and the search is told that row's parameters, as if it had
//! proposed them. Each row is taken once; when all are, the search ends. So a play of any method over *n* rows ends where
//! all others end too, and only the order differs.
//!
//! Near is by rank: a number's place is its rank among the table's different values of that parameter (between two of
//! them, in proportion), from 0 to 1. The rows of a random sweep lie evenly on the scale that they were drawn on, so this is
//! that scale without asking for it. Anything else is equal (0) or not (1), and so is having a parameter that the other
//! does not. Distances are squared and summed; of two rows as near the first is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::Table;
use crate::stop::Point;
use crate::value::Params;

/// The trials of a finished sweep.
#[derive(Debug, Clone)]
pub struct Rows {
    rows: Vec<(Params, Arc<[Point]>)>,
    columns: Vec<Column>,
    /// For each row where each column has it.
    places: Vec<Vec<Place>>,
}

#[derive(Debug, Clone)]
struct Column {
    path: Vec<String>,
    /// The different numbers, ascending.
    numbers: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Place {
    Nowhere,
    Number(f64),
    Other(Value),
}

impl Rows {
    /// A table of parameters and their curves.
    pub fn new(rows: Vec<(Params, Vec<Point>)>) -> Self {
        let mut numbers: BTreeMap<Vec<String>, Vec<f64>> = BTreeMap::new();
        for (params, _) in &rows {
            for (path, value) in leaves(params) {
                numbers.entry(path).or_default().extend(value.as_f64());
            }
        }
        let columns = numbers.into_iter().map(|(path, mut numbers)| {
            numbers.sort_by(f64::total_cmp);
            numbers.dedup();
            Column { path, numbers }
        });
        let columns: Vec<Column> = columns.collect();
        let places = rows.iter().map(|(params, _)| places(&columns, params)).collect();
        let rows = rows.into_iter().map(|(params, curve)| (params, curve.into())).collect();
        Self { rows, columns, places }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All of them, for one play.
    pub fn unused(&self) -> Unused<'_> {
        Unused { table: self, left: (0..self.rows.len()).collect() }
    }
}

/// Rows that were not taken yet.
#[derive(Debug, Clone)]
pub struct Unused<'r> {
    table: &'r Rows,
    left: BTreeSet<usize>,
}

impl Table<Params> for Unused<'_> {
    fn take(&mut self, _number: u64, params: Params) -> Option<(Params, Arc<[Point]>)> {
        let wanted = places(&self.table.columns, &params);
        let near = |row: usize| -> f64 {
            wanted.iter().zip(&self.table.places[row]).map(|(a, b)| distance(a, b)).sum()
        };
        let nearest = self.left.iter().map(|&row| (near(row), row)).min_by(|a, b| a.0.total_cmp(&b.0));
        let (_, row) = nearest?;
        self.left.remove(&row);
        Some(self.table.rows[row].clone())
    }
}

/// Rows by number, from 0; `None` for one that is taken or not there.
impl Table<usize> for Unused<'_> {
    fn take(&mut self, _number: u64, row: usize) -> Option<(usize, Arc<[Point]>)> {
        self.left.remove(&row).then(|| (row, Arc::clone(&self.table.rows[row].1)))
    }
}

/// The values of parameters, those of nested ones too.
fn leaves(params: &Params) -> Vec<(Vec<String>, &Value)> {
    fn walk<'v>(path: &mut Vec<String>, value: &'v Value, out: &mut Vec<(Vec<String>, &'v Value)>) {
        match value {
            Value::Object(map) => {
                for (name, inner) in map {
                    path.push(name.clone());
                    walk(path, inner, out);
                    path.pop();
                }
            }
            leaf => out.push((path.clone(), leaf)),
        }
    }
    let mut out = Vec::new();
    for (name, value) in params {
        walk(&mut vec![name.clone()], value, &mut out);
    }
    out
}

fn places(columns: &[Column], params: &Params) -> Vec<Place> {
    let place = |column: &Column| {
        let (first, rest) = column.path.split_first()?;
        let value = rest.iter().try_fold(params.get(first)?, |value, name| value.get(name))?;
        Some(value.as_f64().map_or_else(
            || Place::Other(value.clone()),
            |number| Place::Number(rank(&column.numbers, number)),
        ))
    };
    columns.iter().map(|column| place(column).unwrap_or(Place::Nowhere)).collect()
}

/// Where a number is among others, from 0 to 1.
fn rank(sorted: &[f64], number: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    if last == 0 {
        return 0.0;
    }
    let above = sorted.partition_point(|other| *other < number);
    let rank = match (above.checked_sub(1), sorted.get(above)) {
        (None, _) => 0.0,
        (_, None) => last as f64,
        (Some(below), Some(next)) => {
            below as f64 + (number - sorted[below]) / (next - sorted[below]).max(f64::MIN_POSITIVE)
        }
    };
    rank / last as f64
}

fn distance(a: &Place, b: &Place) -> f64 {
    match (a, b) {
        (Place::Number(a), Place::Number(b)) => (a - b).powi(2),
        (a, b) => f64::from(u8::from(a != b)),
    }
}
