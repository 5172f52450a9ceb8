use std::io::Write as _;
use std::path::PathBuf;

use tch::nn::VarStore;
use tch::{Device, Kind};
use tempfile::TempDir;

use super::*;
use crate::config::ResnetType;
use crate::resnet::ResNet;

fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    read(&file(&folder, "weights.pth", bytes)).unwrap_err().to_string()
}

/// A file of torch.save with this pickle.
fn zipped(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in [("archive/data.pkl", pickle), ("archive/data/0", &[0; 16][..])] {
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_pickle_that_would_run_code_is_refused_and_not_run() {
    let marker = std::env::temp_dir().join(format!("sweep-train-pickle-{}", std::process::id()));
    // os.system("touch MARKER"), as an attacker would write it.
    let mut pickle = b"\x80\x02cposix\nsystem\nX".to_vec();
    let command = format!("touch {}", marker.display());
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R.");
    for bytes in [pickle.clone(), zipped(&pickle)] {
        let said = refusal(&bytes);
        assert!(said.contains("posix.system") && said.contains("state_dict()"), "{said}");
        assert!(!marker.exists());
    }
}

#[test]
fn calling_an_allowed_name_as_code_is_refused() {
    // torch.FloatStorage is named by every file, and called by none.
    let said = refusal(&zipped(b"\x80\x02ctorch\nFloatStorage\n)R."));
    assert!(said.contains("torch.FloatStorage"), "{said}");
}

/// A state dict of one tensor `w` with this offset, sides and strides over 4 floats.
fn one_tensor(offset: u8, side: u8, stride: u8) -> Vec<u8> {
    let mut pickle = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
    pickle.extend(b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ");
    pickle.extend([b'K', offset, b'K', side, 0x85, b'K', stride, 0x85, 0x89]);
    pickle.extend(b"ccollections\nOrderedDict\n)RtRs.");
    pickle
}

#[test]
fn a_tensor_may_not_reach_beyond_its_storage() {
    let folder = tempfile::tempdir().unwrap();
    let good = read(&file(&folder, "good.pth", &zipped(&one_tensor(0, 4, 1)))).unwrap();
    assert_eq!(good["w"].size(), [4]);
    for (offset, side, stride) in [(1, 4, 1), (0, 5, 1), (0, 2, 4), (200, 1, 1)] {
        let said = refusal(&zipped(&one_tensor(offset, side, stride)));
        assert!(said.contains("beyond its storage"), "{said}");
    }
}

#[test]
fn damaged_files_are_errors_not_panics() {
    let whole = zipped(&one_tensor(0, 4, 1));
    for cut in 0..whole.len() {
        let folder = tempfile::tempdir().unwrap();
        // Cut anywhere, it is refused or (in the zip's comment) still whole; it never panics.
        let _either = read(&file(&folder, "w.pth", &whole[..cut]));
    }
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in ["small.pth", "small.legacy.pth"] {
        let whole = std::fs::read(fixtures.join(name)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0xff;
            let _either = read(&file(&folder, name, &flipped));
        }
    }
    assert!(refusal(b"").contains("neither"));
    assert!(refusal(b"GIF89a and so on").contains("neither"));
}

#[test]
fn torchvisions_names_fit_and_its_fc_stays_behind() {
    let source = VarStore::new(Device::Cpu);
    let _torchvision = ResNet::new(&source.root(), ResnetType::Resnet18, 1000);
    let dict: StateDict = source.variables().into_iter().collect();
    let store = VarStore::new(Device::Cpu);
    let _ours = ResNet::new(&(&store.root() / "model"), ResnetType::Resnet18, 32);
    let applied = apply(&store, &dict, &PathBuf::from("x.pth")).unwrap();
    assert_eq!(applied.taken, 100);
    assert_eq!(applied.fresh.len(), 2, "{:?}", applied.fresh);
    let apart = (&store.variables()["model.layer4.1.conv2.weight"] - &dict["layer4.1.conv2.weight"]).abs();
    assert_eq!(apart.max().to_kind(Kind::Double).double_value(&[]), 0.0);
}

#[test]
fn the_wrong_depth_is_named() {
    let source = VarStore::new(Device::Cpu);
    let _torchvision = ResNet::new(&source.root(), ResnetType::Resnet18, 1000);
    let dict: StateDict = source.variables().into_iter().collect();
    let store = VarStore::new(Device::Cpu);
    let _ours = ResNet::new(&(&store.root() / "model"), ResnetType::Resnet50, 32);
    let said = apply(&store, &dict, &PathBuf::from("x.pth")).unwrap_err().to_string();
    assert!(said.contains("resnet_type") && said.contains("more"), "{said}");
}
