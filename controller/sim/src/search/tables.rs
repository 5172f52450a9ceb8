//! Real trainings as tables: every cell of a grid was trained once, so a trial is a look-up.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;
use sweep_core::value::Params;

use super::Objective;

/// What `tables.json` says of a table. Its values lie beside it in NAME.f64le, the last axis varying fastest, less being
/// better.
#[derive(Debug, Deserialize)]
struct Table {
    /// By name, which is also their order.
    axes: BTreeMap<String, Vec<Value>>,
}

/// The tables of a folder.
pub(crate) fn all(folder: &Path) -> anyhow::Result<Vec<Objective>> {
    let list = folder.join("tables.json");
    let text = std::fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    let tables: BTreeMap<String, Table> =
        serde_json::from_str(&text).with_context(|| format!("{} is no list of tables", list.display()))?;
    tables.into_iter().map(|(name, table)| load(folder, &name, table)).collect()
}

fn load(folder: &Path, name: &str, table: Table) -> anyhow::Result<Objective> {
    let path = folder.join(format!("{name}.f64le"));
    let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let (chunks, _) = bytes.as_chunks::<8>();
    let cells: Vec<f64> = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect();
    let expected: usize = table.axes.values().map(Vec::len).product();
    if cells.len() != expected {
        bail!("{} has {} values, and its axes have {expected} cells", path.display(), cells.len());
    }
    let least = cells.iter().copied().fold(f64::INFINITY, f64::min);
    let parameters: String = table
        .axes
        .iter()
        .map(|(axis, values)| format!("{axis}: {{values: {}}}\n", Value::Array(values.clone())))
        .collect();
    let cells = Arc::new(cells);
    let value = move |params: &Params| look_up(&table, &cells, params);
    Ok(Objective::new(name, &parameters, least, value))
}

fn look_up(table: &Table, cells: &[f64], params: &Params) -> anyhow::Result<f64> {
    let mut cell = 0;
    for (axis, values) in &table.axes {
        let value = params.get(axis).with_context(|| format!("no {axis} in {params:?}"))?;
        let at = values
            .iter()
            .position(|other| other == value || other.as_f64().is_some() && other.as_f64() == value.as_f64());
        cell = cell * values.len() + at.with_context(|| format!("{axis} is never {value}"))?;
    }
    Ok(cells[cell])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_the_order_of_its_axes() {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("is written");
        write(
            "tables.json",
            br#"{"t": {"axes": {"b": [1, 10, 100], "a": ["x", "y"]}, "metric": "loss", "sign": 1}}"#,
        );
        let cells: Vec<u8> =
            [0.0, 1.0, 2.0, 10.0, 11.0, 12.0_f64].iter().flat_map(|cell| cell.to_le_bytes()).collect();
        write("t.f64le", &cells);
        let tables = all(folder.path()).expect("is read");
        let params = Params::from([("a".to_owned(), "y".into()), ("b".to_owned(), 100.0.into())]);
        assert_eq!((tables[0].value)(&params).expect("is there"), 12.0);
        assert_eq!(tables[0].least, 0.0);
        write("t.f64le", &cells[8..]);
        let error = all(folder.path()).err().expect("is refused").to_string();
        assert!(error.contains("5 values") && error.contains("6 cells"), "{error}");
    }
}
