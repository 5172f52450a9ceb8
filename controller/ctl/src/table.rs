//! Rows of data in one of the four formats. Data goes to standard output, and nothing else does.

use std::io::Write as _;
use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use crate::args::Format;
use crate::exit::{Exit, Failure};

/// One column: its name in tables and CSV, and how a row fills it.
pub(crate) struct Column<'r, R> {
    pub(crate) title: String,
    pub(crate) right: bool,
    /// Whether the title is a name that tables leave as it is.
    pub(crate) named: bool,
    pub(crate) cell: Box<dyn Fn(&R) -> String + 'r>,
}

impl<'r, R> Column<'r, R> {
    pub(crate) fn left(title: &str, cell: impl Fn(&R) -> String + 'r) -> Self {
        Self { title: title.to_owned(), right: false, named: false, cell: Box::new(cell) }
    }

    pub(crate) fn right(title: &str, cell: impl Fn(&R) -> String + 'r) -> Self {
        Self { right: true, ..Self::left(title, cell) }
    }
}

/// What the formats need of a set of rows. Tables may leave columns out that CSV has.
pub(crate) struct Sheet<'r, R> {
    pub(crate) rows: &'r [R],
    pub(crate) table: Vec<Column<'r, R>>,
    pub(crate) csv: Vec<Column<'r, R>>,
    pub(crate) json: &'r dyn Fn(&R) -> Value,
    pub(crate) name: &'r dyn Fn(&R) -> String,
}

/// Renders rows; `one`: a single JSON object instead of a list of them.
pub(crate) fn render<R>(sheet: &Sheet<'_, R>, format: Format, one: bool) -> Result<String, Failure> {
    match format {
        Format::Table => Ok(table(sheet)),
        Format::Name => Ok(sheet.rows.iter().map(|row| (sheet.name)(row) + "\n").collect()),
        Format::Csv => csv(sheet),
        Format::Json | Format::Yaml => {
            let mut values: Vec<_> = sheet.rows.iter().map(|row| (sheet.json)(row)).collect();
            let value = if one { values.pop().unwrap_or(Value::Null) } else { Value::Array(values) };
            if format == Format::Json { json(&value) } else { yaml(&value) }
        }
    }
}

/// YAML with a newline at its end.
pub(crate) fn yaml(value: &Value) -> Result<String, Failure> {
    serde_yaml::to_string(value)
        .map_err(|error| Failure::new(Exit::Unexpected, format!("cannot print YAML: {error}")))
}

/// Pretty JSON with a newline at its end.
pub(crate) fn json(value: &Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Failure::new(Exit::Unexpected, format!("cannot print JSON: {error}")))
}

fn table<R>(sheet: &Sheet<'_, R>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(
        sheet.table.iter().map(
            |column| {
                if column.named { column.title.clone() } else { column.title.to_uppercase() }
            },
        ),
    );
    for row in sheet.rows {
        table.add_row(sheet.table.iter().map(|column| (column.cell)(row)));
    }
    for (at, column) in sheet.table.iter().enumerate() {
        if let Some(drawn) = table.column_mut(at) {
            drawn.set_padding((0, 2));
            if column.right {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

fn csv<R>(sheet: &Sheet<'_, R>) -> Result<String, Failure> {
    let failed = |error: String| Failure::new(Exit::Unexpected, format!("cannot print CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(sheet.csv.iter().map(|column| &column.title))
        .map_err(|error| failed(error.to_string()))?;
    for row in sheet.rows {
        writer
            .write_record(sheet.csv.iter().map(|column| (column.cell)(row)))
            .map_err(|error| failed(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

/// Writes data. A reader that went away (`| head`) is no failure.
pub(crate) fn put(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Unexpected, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes data as it is.
pub(crate) fn put_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Unexpected, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a file: it is there whole, or as it was before.
pub(crate) fn save(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Unexpected, format!("cannot write {}: {error}", file.display()))
    };
    let name = file
        .file_name()
        .ok_or_else(|| Failure::new(Exit::Usage, format!("{} is no name of a file", file.display())))?;
    let part = file.with_file_name(format!(".{}.part", name.display()));
    let written = std::fs::File::create(&part).and_then(|mut out| {
        out.write_all(bytes)?;
        out.sync_all()
    });
    written.and_then(|()| std::fs::rename(&part, file)).map_err(|error| {
        let _ = std::fs::remove_file(&part);
        failed(error)
    })
}

/// Writes talk.
pub(crate) fn say(text: &str) {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A JSON object from pairs.
pub(crate) fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}
