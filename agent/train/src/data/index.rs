//! The Python project's index: a CSV with columns file_path, subfolder, age, sex, race (and age_range, which is not
//! read: it follows from the age). Paths are relative to the CSV's folder.

use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::source::Malformed;
use crate::error::TrainError;
use crate::labels::Labels;

/// What an index lists.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Name, path, age and labels.
    pub(super) files: Vec<(String, PathBuf, (u8, Labels))>,
    /// Rows that cannot be used, and why.
    pub(super) malformed: Vec<Malformed>,
}

/// Reads an index.
///
/// # Errors
/// When it cannot be read, or lacks a column.
pub(super) fn read(path: &Path) -> Result<Rows, TrainError> {
    let wrong = |what: String| TrainError::Config(format!("path={}: {what}", path.display()));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| wrong(error.to_string()))?;
    let header = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let column = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    let needed = |name: &str| {
        column(name).ok_or_else(|| {
            wrong(format!("no column {name}; an index has the columns file_path, subfolder, age, sex, race"))
        })
    };
    let columns = Columns {
        file: needed("file_path")?,
        subfolder: column("subfolder"),
        labels: [needed("age")?, needed("sex")?, needed("race")?],
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut rows = Rows::default();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let name = record.get(columns.file).unwrap_or_default();
        match columns.row(folder, &record) {
            Ok((path, known)) => rows.files.push((name.to_owned(), path, known)),
            Err(reason) => {
                rows.malformed.push(Malformed { name: format!("line {line}: {name}"), reason });
            }
        }
    }
    Ok(rows)
}

struct Columns {
    file: usize,
    subfolder: Option<usize>,
    labels: [usize; 3],
}

impl Columns {
    /// The file and labels of a row, or why it has none.
    fn row(&self, folder: &Path, record: &StringRecord) -> Result<(PathBuf, (u8, Labels)), String> {
        let [age, sex, race] = self.labels.map(|column| record.get(column).unwrap_or_default());
        // pandas writes whole numbers of a column with holes as 24.0.
        let number = |what: &str, text: &str| {
            let whole = text.strip_suffix(".0").unwrap_or(text);
            whole.parse::<u32>().map_err(|_| format!("{what} is `{text}`, not a whole number"))
        };
        let (age, sex, race) = (number("age", age)?, number("sex", sex)?, number("race", race)?);
        let labels = Labels::of_numbers(age, sex, race)?;
        let file = record.get(self.file).unwrap_or_default();
        if file.is_empty() {
            return Err("no file_path".to_owned());
        }
        let subfolder = self.subfolder.and_then(|column| record.get(column)).unwrap_or_default();
        let places = [folder.join(file), folder.join(subfolder).join(file)];
        let found = places.iter().find(|place| place.is_file());
        found
            .map(|place| (place.clone(), (age as u8, labels)))
            .ok_or_else(|| format!("there is no file {} nor {}", places[0].display(), places[1].display()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn rows_are_read_by_column_and_files_found_with_or_without_the_subfolder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("part1")).unwrap();
        for name in ["part1/a.jpg", "part1/b.jpg"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let index = folder.path().join("index.csv");
        fs::write(
            &index,
            "race,file_path,age,subfolder,sex,age_range\n\
             3,part1/a.jpg,24,part1,1,20-30\n\
             0.0,b.jpg,81.0,part1,0.0,80+\n\
             0,c.jpg,30,part1,0,20-30\n\
             7,part1/a.jpg,24,part1,1,20-30\n\
             1,part1/a.jpg,young,part1,1,20-30\n",
        )
        .unwrap();
        let source = crate::data::Source::open(&index).unwrap();
        let names: Vec<&str> = source.entries().iter().map(|entry| &*entry.name).collect();
        assert_eq!((names, source.malformed().len()), (vec!["b.jpg", "part1/a.jpg"], 3));
        assert_eq!(source.bytes(&source.entries()[0]).unwrap(), b"part1/b.jpg");
        let rows = read(&index).unwrap();
        let known: Vec<_> = rows
            .files
            .iter()
            .map(|(name, _, (age, labels))| (&**name, *age, labels.age_group, labels.sex, labels.race))
            .collect();
        assert_eq!(known, [("part1/a.jpg", 24, 2, 1, 3), ("b.jpg", 81, 8, 0, 0)]);
        let reasons: Vec<&str> = rows.malformed.iter().map(|row| &*row.reason).collect();
        assert!(reasons[0].contains("c.jpg") && reasons[0].contains("no file"), "{reasons:?}");
        assert_eq!(reasons[1..], ["race is 7, not 0 to 4", "age is `young`, not a whole number"]);
        assert_eq!(rows.malformed[2].name, "line 6: part1/a.jpg");
    }

    #[test]
    fn an_index_without_labels_is_refused_by_the_missing_column() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index.csv");
        fs::write(&index, "file_path,age,sex\na.jpg,1,0\n").unwrap();
        assert!(read(&index).unwrap_err().to_string().contains("no column race"));
    }
}
