//! How a batch of events lies in its row: columns by metric, and log lines, each postcard within LZ4, behind a
//! version byte.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sweep_core::curve::Point;

use crate::{LogEntry, LogLine, Result, StoreError};

const VERSION: u8 = 1;

/// The points of one metric in a batch; all columns have one length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) steps: Vec<u64>,
    /// NaN where the program named none.
    pub(crate) epochs: Vec<f64>,
    pub(crate) at_ms: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

impl Column {
    pub(crate) fn points(&self) -> impl Iterator<Item = Point> {
        let columns = self.steps.iter().zip(&self.epochs).zip(&self.at_ms).zip(&self.values);
        columns.map(|(((&step, &epoch), &at_ms), &value)| Point { step, epoch, at_ms, value })
    }
}

/// Packs columns; `None` for none.
pub(crate) fn pack_points(columns: &[Column]) -> Result<Option<Vec<u8>>> {
    if columns.is_empty() { Ok(None) } else { pack(&columns).map(Some) }
}

/// Unpacks what [`pack_points`] packed.
pub(crate) fn unpack_points(blob: &[u8]) -> Result<Vec<Column>> {
    unpack(blob)
}

/// A log line to be packed: its event's number and time, its stream and its text.
pub(crate) type LogRef<'a> = (u64, i64, &'a str, &'a str);

/// Packs log lines; `None` for none.
pub(crate) fn pack_logs(lines: &[LogRef<'_>]) -> Result<Option<Vec<u8>>> {
    if lines.is_empty() { Ok(None) } else { pack(&lines).map(Some) }
}

/// Unpacks what [`pack_logs`] packed.
pub(crate) fn unpack_logs(blob: &[u8]) -> Result<Vec<LogEntry>> {
    let rows: Vec<(u64, i64, String, String)> = unpack(blob)?;
    Ok(rows
        .into_iter()
        .map(|(seq, at_ms, stream, text)| LogEntry { seq, at_ms, line: LogLine { stream, text } })
        .collect())
}

fn pack(value: &impl Serialize) -> Result<Vec<u8>> {
    let plain = postcard::to_stdvec(value)
        .map_err(|error| StoreError::corrupt(format!("a batch to be packed: {error}")))?;
    let mut blob = vec![VERSION];
    blob.extend(lz4_flex::compress_prepend_size(&plain));
    Ok(blob)
}

fn unpack<T: DeserializeOwned>(blob: &[u8]) -> Result<T> {
    let corrupt = |what: String| StoreError::corrupt(format!("a batch: {what}"));
    match blob.split_first() {
        Some((&VERSION, rest)) => {
            let plain =
                lz4_flex::decompress_size_prepended(rest).map_err(|error| corrupt(error.to_string()))?;
            postcard::from_bytes(&plain).map_err(|error| corrupt(error.to_string()))
        }
        Some((version, _)) => Err(corrupt(format!("version {version} is unknown"))),
        None => Err(corrupt("it is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_lines_come_back_as_they_went_in() {
        let columns = vec![Column {
            name: "loss".to_owned(),
            steps: vec![1, 2],
            epochs: vec![0.5, f64::INFINITY],
            at_ms: vec![10, 20],
            values: vec![0.25, f64::NEG_INFINITY],
        }];
        let blob = pack_points(&columns).expect("packs").expect("is something");
        assert_eq!(unpack_points(&blob).expect("unpacks"), columns);
        let blob = pack_logs(&[(7, 1, "stdout", "größer\t")]).expect("packs").expect("is something");
        let line = LogLine { stream: "stdout".to_owned(), text: "größer\t".to_owned() };
        assert_eq!(unpack_logs(&blob).expect("unpacks"), [LogEntry { seq: 7, at_ms: 1, line }]);
    }

    #[test]
    fn a_damaged_batch_is_an_error() {
        let mut blob = pack_logs(&[(1, 1, "s", "t")]).expect("packs").expect("is something");
        assert!(unpack_logs(&blob[..blob.len() - 2]).is_err());
        blob[0] = 9;
        assert!(unpack_logs(&blob).is_err());
        assert!(unpack_logs(&[]).is_err());
    }
}
