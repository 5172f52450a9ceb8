//! Files of `torch.save`: the zip form of today and the legacy form before it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use tch::{Kind, Tensor};
use zip::ZipArchive;

use super::pickle;
use super::value::{TensorRecord, Value};
use super::{Hyperparameters, StateDict, WeightsError, malformed, tensor};

/// The low 64 bits of the number that a legacy file begins with, 0x1950a86a20f9469cfc6c.
const MAGIC: i64 = 0xa86a_20f9_469c_fc6c_u64 as i64;

fn no_zip(error: impl std::fmt::Display) -> WeightsError {
    WeightsError::Format(format!("it is no whole file of torch.save: {error}"))
}

pub(super) fn read_zip(path: &Path) -> Result<(StateDict, Hyperparameters), WeightsError> {
    let mut archive = ZipArchive::new(File::open(path)?).map_err(no_zip)?;
    let pickle = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| name.ends_with("data.pkl"))
        .map(std::borrow::Cow::into_owned);
    let Some(pickle) = pickle else { return malformed("there is no data.pkl in it, as torch.save writes") };
    let folder = pickle.trim_end_matches("data.pkl").to_owned();
    let mut member = |name: &str| -> Result<Vec<u8>, WeightsError> {
        let mut bytes = Vec::new();
        archive.by_name(&format!("{folder}{name}")).map_err(no_zip)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    if member("byteorder").is_ok_and(|order| order != b"little") {
        return malformed("it was written on a big-endian machine, which is not read");
    }
    let (value, _) = pickle::read(&member("data.pkl")?)?;
    let mut storages = HashMap::new();
    let mut dict = StateDict::new();
    for (name, record) in tensors(&value)? {
        if !storages.contains_key(&record.key) {
            storages.insert(record.key.clone(), member(&format!("data/{}", record.key))?);
        }
        dict.insert(name, build(&record, &storages[&record.key])?);
    }
    Ok((dict, hyperparameters(&value)))
}

pub(super) fn read_legacy(path: &Path) -> Result<StateDict, WeightsError> {
    let bytes = std::fs::read(path)?;
    let mut at = 0;
    let mut next = || -> Result<(Value, usize), WeightsError> {
        let (value, length) = pickle::read(&bytes[at..])?;
        at += length;
        Ok((value, at))
    };
    // The magic number, the protocol, the machine; then the data, then the storages' keys.
    match next()?.0 {
        Value::Int(MAGIC) => {}
        _ => return malformed("it is a pickle, but not one of torch.save"),
    }
    next()?;
    next()?;
    let data = next()?.0;
    let (keys, mut at) = next()?;
    let Value::List(keys) = keys else { return malformed("its storages are not listed") };
    let records = tensors(&data)?;
    let kinds: HashMap<&str, &str> =
        records.iter().map(|(_, record)| (&*record.key, &*record.storage)).collect();
    let mut storages = HashMap::new();
    for key in keys.borrow().iter() {
        let Value::Str(key) = key else { return malformed("a storage's key that is no string") };
        let Some(count) = bytes.get(at..at + 8).and_then(|count| count.first_chunk::<8>()) else {
            return malformed("it ends in the middle of its storages");
        };
        // A storage that no tensor of the state dict uses cannot be measured, so nothing behind it can be found.
        let Some(storage) = kinds.get(&**key) else {
            return malformed(format!("storage {key} belongs to no tensor"));
        };
        let length = u64::from_le_bytes(*count).checked_mul(kind_of(storage)?.elt_size_in_bytes() as u64);
        let end = length
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| (at + 8).checked_add(length));
        let Some(content) = end.and_then(|end| bytes.get(at + 8..end)) else {
            return malformed("it ends in the middle of its storages");
        };
        storages.insert(key.to_string(), content);
        at += 8 + content.len();
    }
    let mut dict = StateDict::new();
    for (name, record) in &records {
        let Some(storage) = storages.get(&record.key) else { return malformed("a tensor without a storage") };
        dict.insert(name.clone(), build(record, storage)?);
    }
    Ok(dict)
}

/// What Lightning's `save_hyperparameters` kept.
fn hyperparameters(value: &Value) -> Hyperparameters {
    let entries = |value: &Value| match value {
        Value::Dict(dict) => dict.borrow().clone(),
        _ => Vec::new(),
    };
    let named = |(key, value): (Value, Value)| match key {
        Value::Str(key) => Some((key.to_string(), value)),
        _ => None,
    };
    let kept = entries(value).into_iter().filter_map(named).filter(|(key, _)| key == "hyper_parameters");
    let each = kept.flat_map(|(_, kept)| entries(&kept)).filter_map(named);
    each.filter_map(|(key, value)| match value {
        Value::Str(word) => Some((key, word.to_string())),
        Value::Int(number) => Some((key, number.to_string())),
        _ => None,
    })
    .collect()
}

/// The tensors of a state dict: the value itself, or its `state_dict` (Lightning), or its `model`.
fn tensors(value: &Value) -> Result<Vec<(String, TensorRecord)>, WeightsError> {
    let Value::Dict(dict) = value else { return malformed("it holds no dict of tensors") };
    let dict = dict.borrow();
    for name in ["state_dict", "model"] {
        let inner = dict
            .iter()
            .find(|(key, value)| matches!((key, value), (Value::Str(key), Value::Dict(_)) if &**key == name));
        if let Some((_, inner)) = inner {
            return tensors(inner);
        }
    }
    let mut found = Vec::new();
    for (key, value) in dict.iter() {
        if let (Value::Str(name), Value::Tensor(record)) = (key, value) {
            found.push((name.to_string(), (**record).clone()));
        }
    }
    Ok(found)
}

fn kind_of(storage: &str) -> Result<Kind, WeightsError> {
    Ok(match storage {
        "FloatStorage" => Kind::Float,
        "DoubleStorage" => Kind::Double,
        "HalfStorage" => Kind::Half,
        "BFloat16Storage" => Kind::BFloat16,
        "LongStorage" => Kind::Int64,
        "IntStorage" => Kind::Int,
        "ShortStorage" => Kind::Int16,
        "CharStorage" => Kind::Int8,
        "ByteStorage" => Kind::Uint8,
        "BoolStorage" => Kind::Bool,
        other => return malformed(format!("it has numbers of kind {other}, which are not read")),
    })
}

/// A view of a storage as a dense tensor. Every element is checked to lie within.
fn build(record: &TensorRecord, storage: &[u8]) -> Result<Tensor, WeightsError> {
    let kind = kind_of(&record.storage)?;
    let outside = || WeightsError::Format("a tensor reaches beyond its storage".to_owned());
    if record.shape.len() != record.stride.len() {
        return malformed("a tensor with more sides than strides");
    }
    let empty = record.shape.contains(&0);
    let last = record.shape.iter().zip(&record.stride).try_fold(record.offset, |last, (side, stride)| {
        (side - 1).checked_mul(*stride).and_then(|reach| last.checked_add(reach))
    });
    let count = storage.len() / kind.elt_size_in_bytes();
    if !empty && last.and_then(|last| usize::try_from(last).ok()).is_none_or(|last| last >= count) {
        return Err(outside());
    }
    let count = i64::try_from(count).map_err(|_| outside())?;
    let whole = tensor(&storage[..count as usize * kind.elt_size_in_bytes()], &[count], kind)?;
    let view = whole.f_as_strided(&record.shape, &record.stride, record.offset);
    view.and_then(|view| view.f_contiguous()).map(|dense| dense.copy()).map_err(no_zip)
}
