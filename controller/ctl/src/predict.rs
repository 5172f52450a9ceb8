//! `predict`: what a model makes of pictures, by a predictor behind the controller.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use sweep_proto::v1;

use crate::args::Format;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Sheet, object, put, render};

/// Say what a promoted model makes of pictures. They go to the controller and to a predictor (`sweep-train serve`), and are
/// not kept.
///
/// Examples:
///   sweep-ctl predict face.jpg
///   sweep-ctl predict faces/*.jpg --model faces -o json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PredictArgs {
    /// JPEG or PNG files of at most 10 MiB.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// The name of a model [default: the newest]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

/// A picture, and what was said of it.
struct Row {
    image: String,
    prediction: Value,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: PredictArgs) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for path in args.images {
        let unreadable = |error: std::io::Error| {
            let exit =
                if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Unexpected };
            Failure::new(exit, format!("cannot read {}: {error}", path.display()))
        };
        let image = std::fs::read(&path).map_err(unreadable)?;
        let request = v1::PredictRequest { image, model: args.model.clone().unwrap_or_default() };
        let reply = client.models.predict(request).await.map_err(|status| {
            let failure = client.failed(&status);
            Failure { message: format!("{}: {}", path.display(), failure.message), ..failure }
        })?;
        let prediction = serde_json::from_str(&reply.into_inner().prediction_json).map_err(|error| {
            Failure::new(Exit::Unexpected, format!("the prediction cannot be read: {error}"))
        })?;
        rows.push(Row { image: path.display().to_string(), prediction });
    }
    if output == Format::Table {
        return put(&rows.iter().map(page).collect::<String>());
    }
    put(&render(&sheet(&rows), output, false)?)
}

/// Heads, and how many of their classes people are shown, as `sweep-train predict` has it.
const SHOWN: [(&str, usize); 3] = [("age", 2), ("sex", 1), ("race", 2)];

fn page(row: &Row) -> String {
    let line = |(head, count)| format!("  {head:<5} {}\n", likeliest(row, head, count));
    format!("{}\n{}", row.image, SHOWN.map(line).concat())
}

/// The likeliest classes of a head, with their probabilities.
fn likeliest(row: &Row, head: &str, count: usize) -> String {
    let classes = row.prediction[head].as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |guess: &Value| {
        let probability = guess["probability"].as_f64().unwrap_or(f64::NAN);
        format!("{} ({:.1} %)", guess["class"].as_str().unwrap_or("?"), 100.0 * probability)
    };
    classes.iter().take(count).map(one).collect::<Vec<_>>().join(", ")
}

fn sheet(rows: &[Row]) -> Sheet<'_, Row> {
    let columns = || -> Vec<Column<'_, Row>> {
        let head = |(head, count)| Column::left(head, move |row: &Row| likeliest(row, head, count));
        let image = Column::left("image", |row: &Row| row.image.clone());
        std::iter::once(image).chain(SHOWN.map(head)).collect()
    };
    Sheet { rows, table: columns(), csv: columns(), json: &row_json, name: &|row| row.image.clone() }
}

/// The prediction as it came, with the picture's name.
fn row_json(row: &Row) -> Value {
    let mut whole = object([("file", row.image.clone().into())]);
    if let (Value::Object(fields), Value::Object(told)) = (&mut whole, &row.prediction) {
        fields.extend(told.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    whole
}
