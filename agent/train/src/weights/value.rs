//! What a pickle of torch holds.

use std::cell::RefCell;
use std::rc::Rc;

use super::{WeightsError, malformed};

/// A value of a pickle. Containers are shared, as in Python.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A value that no state dict needs: None, a bool, a float, bytes.
    Other,
    Int(i64),
    Str(Rc<str>),
    Tuple(Rc<[Value]>),
    List(Rc<RefCell<Vec<Value>>>),
    Dict(Rc<RefCell<Vec<(Value, Value)>>>),
    /// `module.name`, allowed and not called.
    Global(Rc<str>),
    /// What a persistent id stands for: torch's storages.
    Storage(Rc<[Value]>),
    Tensor(Rc<TensorRecord>),
}

/// A tensor as its pickle describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorRecord {
    pub(super) key: String,
    /// `FloatStorage` and so on.
    pub(super) storage: String,
    /// In elements, as `shape` and `stride`.
    pub(super) offset: i64,
    pub(super) shape: Vec<i64>,
    pub(super) stride: Vec<i64>,
}

/// `_rebuild_tensor_v2(storage, offset, shape, stride, ...)`, the storage being
/// `('storage', type, key, location, numel, ...)`.
pub(super) fn tensor_record(arguments: &[Value]) -> Result<TensorRecord, WeightsError> {
    let [Value::Storage(storage), Value::Int(offset), Value::Tuple(shape), Value::Tuple(stride), ..] =
        arguments
    else {
        return malformed("a tensor that is not described as torch does");
    };
    let [Value::Str(kind), Value::Global(class), Value::Str(key), ..] = &**storage else {
        return malformed("a storage that is not described as torch does");
    };
    if &**kind != "storage" {
        return malformed(format!("a storage of kind `{kind}`"));
    }
    Ok(TensorRecord {
        key: key.to_string(),
        storage: class.strip_prefix("torch.").unwrap_or(class).to_owned(),
        offset: *offset,
        shape: integers(shape)?,
        stride: integers(stride)?,
    })
}

fn integers(values: &[Value]) -> Result<Vec<i64>, WeightsError> {
    let integer = |value: &Value| match value {
        Value::Int(number) if *number >= 0 => Ok(*number),
        _ => malformed("a tensor's side that is no number"),
    };
    values.iter().map(integer).collect()
}
