//! Resume checkpoints on disk: `NAME.safetensors` holds everything, `NAME.json` beside it the hash of that. Without both,
//! and both in agreement, there is no checkpoint.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::{State, VERSION};
use crate::checkpoint::{bytes, names, versions};
use crate::durable::{folder_of, write_whole, write_with};
use crate::error::TrainError;
use crate::hex::hex;
use crate::weights::{StateDict, from_safetensors};

/// Where the state lies among the file's metadata.
const STATE: &str = "sweep-train-resume";
/// The tensor of bytes that is the split's manifest.
pub(crate) const SPLIT: &str = "split";

/// A checkpoint that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The `.safetensors`.
    pub path: PathBuf,
    /// Names of all its files.
    pub files: Vec<String>,
    /// Of the `.safetensors`, in hexadecimal.
    pub sha256: String,
}

/// A checkpoint that was read.
#[derive(Debug)]
pub struct Resumed {
    pub path: PathBuf,
    pub state: State,
    /// The model's under their own names, `optimizer.` and `average.` before the others'.
    pub tensors: StateDict,
    /// Checkpoints that would have come before it but cannot be used, and why.
    pub refused: Vec<String>,
}

/// Writes a checkpoint into a folder. It is on disk, whole, when this returns; until then there is none.
///
/// # Errors
/// When it cannot be written; the others stay as they are.
pub fn write(folder: &Path, state: &State, tensors: &StateDict) -> Result<Written, TrainError> {
    fs::create_dir_all(folder).map_err(TrainError::write(folder))?;
    let path = folder.join(format!("{}.safetensors", state.name()));
    // Bytes last, so that all numbers lie where they can be mapped.
    let mut tensors: Vec<(&String, &Tensor)> = tensors.iter().collect();
    tensors.sort_by_key(|(_, tensor)| tensor.kind() == Kind::Uint8);
    let header = header(state, &tensors)?;
    let sha256 = write_with(&path, |file| {
        let mut hasher = Sha256::new();
        let mut put = |bytes: &[u8]| {
            hasher.update(bytes);
            file.write_all(bytes).map_err(TrainError::write(&path))
        };
        put(&header)?;
        for (_, tensor) in &tensors {
            put(&bytes(tensor)?)?;
        }
        Ok(hex(&hasher.finalize()))
    })?;
    let beside = json!({
        "step": state.step,
        "epochs": state.epochs,
        "config": state.config,
        "sha256": sha256,
        "versions": versions(),
    });
    write_whole(&path.with_extension("json"), format!("{beside:#}\n").as_bytes())?;
    Ok(Written { files: names(&path), path, sha256 })
}

/// The start of a `.safetensors` file: the length of what follows, and in JSON the state and each tensor's place.
fn header(state: &State, tensors: &[(&String, &Tensor)]) -> Result<Vec<u8>, TrainError> {
    let unwritable =
        |what: &dyn std::fmt::Display| TrainError::Config(format!("no resume checkpoint: {what}"));
    let state = serde_json::to_string(state).map_err(|error| unwritable(&error))?;
    let mut places = Map::from_iter([("__metadata__".to_owned(), json!({ STATE: state }))]);
    let mut end = 0;
    for (name, tensor) in tensors {
        let kind = match tensor.kind() {
            Kind::Float => "F32",
            Kind::Uint8 => "U8",
            other => return Err(unwritable(&format!("{name} is of kind {other:?}"))),
        };
        let start = end;
        end += tensor.numel() * tensor.kind().elt_size_in_bytes();
        let place = json!({"dtype": kind, "shape": tensor.size(), "data_offsets": [start, end]});
        places.insert((*name).clone(), place);
    }
    let mut text = Value::Object(places).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    Ok([&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat())
}

/// Reads the checkpoint at `place`, or the newest of a folder. One that is not whole is refused, and the one before it
/// in the same folder taken.
///
/// # Errors
/// [`TrainError::Resume`], when there is none that can be used, with the reasons.
pub fn open(place: &Path) -> Result<Resumed, TrainError> {
    let mut refused = Vec::new();
    for path in candidates(place)? {
        match read(&path) {
            Ok((state, tensors)) => return Ok(Resumed { path, state, tensors, refused }),
            Err(what) => refused.push(format!("{} is not used: {what}", path.display())),
        }
    }
    let what = if refused.is_empty() {
        "there is no resume checkpoint\n  one is a file resume-EPOCHS-STEP.safetensors, with its .json beside it".to_owned()
    } else {
        format!("no resume checkpoint is whole\n  {}", refused.join("\n  "))
    };
    Err(TrainError::Resume { path: place.to_owned(), what })
}

/// What may be read, the first choice first.
fn candidates(place: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let kind = fs::metadata(place).map_err(TrainError::read(place))?;
    if kind.is_dir() {
        let mut all = in_folder(place).map_err(TrainError::read(place))?;
        all.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
        return Ok(all.into_iter().map(|(_, path)| path).collect());
    }
    let given = place.with_extension("safetensors");
    let Some(own) = age(&given) else { return Ok(vec![given]) };
    let folder = folder_of(&given);
    let mut all = in_folder(folder).map_err(TrainError::read(folder))?;
    all.retain(|(age, _)| *age < own);
    all.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
    Ok(std::iter::once(given).chain(all.into_iter().map(|(_, path)| path)).collect())
}

/// The checkpoints in a folder, each with its step and the epochs done.
pub(super) fn in_folder(folder: &Path) -> io::Result<Vec<((i64, i64), PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "safetensors")
            && let Some(age) = age(&path)
        {
            found.push((age, path));
        }
    }
    Ok(found)
}

/// Step and epochs done, by the name; `None` for other files.
pub(super) fn age(path: &Path) -> Option<(i64, i64)> {
    let (epochs, step) = path.file_stem()?.to_str()?.strip_prefix("resume-")?.split_once('-')?;
    Some((step.parse().ok()?, epochs.parse().ok()?))
}

fn read(path: &Path) -> Result<(State, StateDict), String> {
    let description = path.with_extension("json");
    let beside = fs::read(&description).map_err(|error| format!("{}: {error}", description.display()))?;
    let beside: Value = serde_json::from_slice(&beside)
        .map_err(|error| format!("{} is damaged: {error}", description.display()))?;
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let (found, wanted) = (hex(&Sha256::digest(&bytes)), beside["sha256"].as_str().unwrap_or("none"));
    if found != wanted {
        return Err(format!(
            "it is damaged: its SHA-256 is {found}, but {} says {wanted}",
            description.display()
        ));
    }
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| error.to_string())?;
    let state = header.metadata().as_ref().and_then(|all| all.get(STATE));
    let state = state.ok_or("it is a model, but no resume checkpoint; use it with --weights")?;
    let state: Value = serde_json::from_str(state).map_err(|error| error.to_string())?;
    if state[STATE] != VERSION {
        return Err(format!("its format is {}, but this program reads {VERSION}", state[STATE]));
    }
    let state = serde_json::from_value(state).map_err(|error| error.to_string())?;
    Ok((state, from_safetensors(&bytes).map_err(|error| error.to_string())?))
}

#[cfg(test)]
pub(super) mod tests {
    use tch::Device;

    use super::super::tests::state;
    use super::*;

    pub(in crate::resume) fn tensors(fill: i64) -> StateDict {
        let laid_out = Tensor::arange(24, (Kind::Float, Device::Cpu)).view([2, 3, 2, 2]) + fill;
        let laid_out = laid_out.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
        StateDict::from([
            ("a.weight".to_owned(), laid_out),
            ("optimizer.a.weight.step".to_owned(), Tensor::from(fill as f32)),
            (SPLIT.to_owned(), Tensor::from_slice(b"odd")),
            ("z".to_owned(), Tensor::from_slice(&[f32::MIN_POSITIVE / 8.0, -0.0, 1e38])),
        ])
    }

    fn same(one: &StateDict, other: &StateDict) {
        assert!(one.keys().eq(other.keys()));
        for (name, tensor) in one {
            assert_eq!(bytes(tensor).unwrap(), bytes(&other[name]).unwrap(), "{name}");
            assert_eq!(tensor.size(), other[name].size());
        }
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let written = write(folder.path(), &state(23), &tensors(1)).unwrap();
        assert_eq!(written.files, ["resume-2-23.safetensors", "resume-2-23.json"]);
        for place in [folder.path().to_owned(), written.path.clone(), written.path.with_extension("json")] {
            let found = open(&place).unwrap();
            assert_eq!((&found.state, &found.path, found.refused.len()), (&state(23), &written.path, 0));
            same(&found.tensors, &tensors(1));
        }
        assert_eq!(written.sha256, hex(&Sha256::digest(fs::read(&written.path).unwrap())));
    }

    #[test]
    fn damaged_checkpoints_are_refused_by_name_and_the_one_before_is_used() {
        type Damage = fn(&mut Vec<u8>);
        let damages: [(&str, &str, Damage); 7] = [
            ("safetensors", "SHA-256", |bytes| bytes[20] ^= 1),
            ("safetensors", "SHA-256", |bytes| *bytes.last_mut().unwrap() ^= 128),
            ("safetensors", "SHA-256", |bytes| bytes.truncate(bytes.len() - 5)),
            ("safetensors", "SHA-256", Vec::clear),
            ("json", "is damaged", |bytes| bytes.truncate(9)),
            ("json", "SHA-256", |bytes| {
                let text = String::from_utf8(bytes.clone()).unwrap();
                *bytes = text.replace("\"sha256\": \"", "\"sha256\": \"0").into_bytes();
            }),
            ("json", "is damaged", Vec::clear),
        ];
        for (ending, words, damage) in damages {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), &state(9), &tensors(1)).unwrap();
            // Of the newest two, the later by its step though not by its name.
            let newest = write(folder.path(), &state(10), &tensors(2)).unwrap().path;
            let file = newest.with_extension(ending);
            let mut bytes = fs::read(&file).unwrap();
            damage(&mut bytes);
            fs::write(&file, bytes).unwrap();
            for place in [folder.path(), &newest] {
                let found = open(place).unwrap();
                assert_eq!(found.state.step, 9);
                let [refused] = &found.refused[..] else { panic!("{:?}", found.refused) };
                assert!(refused.contains("resume-1-10.safetensors is not used"), "{refused}");
                assert!(refused.contains(words), "{refused}");
            }
            // The one before is never exchanged for a later one.
            let before = folder.path().join("resume-0-9.safetensors");
            assert!(open(&before).unwrap().refused.is_empty());
            fs::remove_file(before.with_extension("json")).unwrap();
            let none = open(folder.path()).unwrap_err().to_string();
            assert!(
                none.contains("no resume checkpoint is whole") && none.contains("resume-0-9.json"),
                "{none}"
            );
        }
    }

    #[test]
    fn what_is_no_checkpoint_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let said = |place: &Path| open(place).unwrap_err().to_string();
        assert!(said(folder.path()).contains("there is no resume checkpoint"));
        assert!(said(&folder.path().join("gone")).contains("cannot read"));
        let mut newer = state(3);
        newer.version = 2;
        write(folder.path(), &newer, &tensors(1)).unwrap();
        assert!(said(folder.path()).contains("its format is 2, but this program reads 1"));
    }
}
