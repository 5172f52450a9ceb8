//! A table as Parquet: one row group, every column optional.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::frame::{Data, Frame};

/// The bytes of a Parquet file.
pub(super) fn write(frame: &Frame) -> Result<Vec<u8>, ParquetError> {
    let fields = frame.columns.iter().map(|(name, data)| field(name, data).map(Arc::new));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("sweep").with_fields(fields).build()?);
    let created_by = format!("sweep-ctl version {}", env!("CARGO_PKG_VERSION"));
    let properties = Arc::new(WriterProperties::builder().set_created_by(created_by).build());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut group = file.next_row_group()?;
    for (_, data) in &frame.columns {
        let Some(mut column) = group.next_column()? else { break };
        match data {
            Data::Int(values) | Data::Time(values) => batch::<Int64Type, _>(&mut column, values, i64::clone),
            Data::Real(values) => batch::<DoubleType, _>(&mut column, values, f64::clone),
            Data::Flag(values) => batch::<BoolType, _>(&mut column, values, bool::clone),
            Data::Text(values) => {
                batch::<ByteArrayType, _>(&mut column, values, |text: &String| text.as_str().into())
            }
        }?;
        column.close()?;
    }
    group.close()?;
    file.into_inner()
}

fn field(name: &str, data: &Data) -> Result<Type, ParquetError> {
    let (physical, logical) = match data {
        Data::Int(_) => (Physical::INT64, None),
        Data::Time(_) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        Data::Real(_) => (Physical::DOUBLE, None),
        Data::Flag(_) => (Physical::BOOLEAN, None),
        Data::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// Writes the values that are there, and for each row whether it has one.
fn batch<T: DataType, V>(
    column: &mut SerializedColumnWriter<'_>,
    values: &[Option<V>],
    of: impl Fn(&V) -> T::T,
) -> Result<(), ParquetError> {
    let there: Vec<T::T> = values.iter().flatten().map(of).collect();
    let levels: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
    column.typed::<T>().write_batch(&there, Some(&levels), None)?;
    Ok(())
}
