//! Checkpoints on their way to the controller: a folder for each, named by its event's number, with hard links to its
//! files. The keeper makes them when a checkpoint is told, so a program may displace its files whenever it wants; the
//! supervisor sends and removes them, so what lies here is what is still to be sent, whoever was killed meanwhile.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sweep_core::file::is_plain_name;

use super::durable;

/// What is in a folder, besides the files.
const MANIFEST: &str = ".manifest";

/// A checkpoint to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// The number of its event.
    pub(crate) seq: u64,
    pub(crate) resume: bool,
    /// The main file first.
    pub(crate) files: Vec<PathBuf>,
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    resume: bool,
    /// Names, the main file first.
    files: Vec<String>,
}

/// Links a checkpoint's files so that they stay: `path` and the files of these names beside it. Appears whole or not at
/// all. Lets go of what it displaces, so that what waits here stays little however long nobody sends it.
///
/// # Errors
/// When a name is no plain one, a file is missing, or the files lie on another file system.
pub(crate) fn take(outgoing: &Path, seq: u64, resume: bool, path: &Path, names: &[String]) -> io::Result<()> {
    let main = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut files = vec![main.to_owned()];
    for name in names {
        if !files.contains(name) {
            files.push(name.clone());
        }
    }
    if let Some(odd) = files.iter().find(|name| !is_plain_name(name)) {
        let what = format!("`{odd}` is no name of a file of a checkpoint");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let making = outgoing.join(format!(".{seq}"));
    remove_folder(&making)?;
    fs::create_dir_all(&making)?;
    for name in &files {
        let file = path.with_file_name(name);
        // What a link leads to, for a hard link to a symbolic one is worth nothing without it.
        fs::canonicalize(&file)
            .and_then(|file| fs::hard_link(file, making.join(name)))
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    }
    let manifest = serde_json::to_vec(&Manifest { resume, files })?;
    durable::replace(&making.join(MANIFEST), &manifest)?;
    fs::rename(&making, outgoing.join(seq.to_string()))?;
    thin(outgoing)
}

/// Lets go of checkpoints to go on from between the oldest, which may be on its way, and the newest; and of models that
/// the program deleted.
fn thin(outgoing: &Path) -> io::Result<()> {
    let all = all(outgoing)?;
    let mut resume = all.iter().filter(|one| one.resume).map(|one| one.seq);
    let (newest, oldest) = (resume.next(), resume.next_back());
    let displaced = |one: &&Outgoing| {
        if one.resume {
            Some(one.seq) != newest && Some(one.seq) != oldest
        } else {
            was_displaced(&one.files)
        }
    };
    all.iter().filter(displaced).try_for_each(Outgoing::done)
}

/// What lies here: checkpoints to go on from first, newest first each. A folder that cannot be understood, as a power cut may
/// leave one, costs itself.
fn all(outgoing: &Path) -> io::Result<Vec<Outgoing>> {
    let mut all = Vec::new();
    let entries = match fs::read_dir(outgoing) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
        entries => entries?,
    };
    for entry in entries {
        let folder = entry?.path();
        // Those that begin with a dot were not finished.
        let seq = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let Some(seq) = seq else { continue };
        let manifest = fs::read(folder.join(MANIFEST)).and_then(|text| Ok(serde_json::from_slice(&text)?));
        let Manifest { resume, files } = match manifest {
            Ok(manifest) => manifest,
            Err(error) => {
                tracing::warn!("a checkpoint is not sent, {} cannot be read: {error}", folder.display());
                remove_folder(&folder)?;
                continue;
            }
        };
        let files = files.iter().map(|name| folder.join(name)).collect();
        all.push(Outgoing { seq, resume, files, folder });
    }
    all.sort_by_key(|one| (!one.resume, std::cmp::Reverse(one.seq)));
    Ok(all)
}

/// What is to be sent: the newest checkpoint to go on from first, then models, newest first. What a newer one displaces, or
/// the program deleted itself, is let go of.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn pending(outgoing: &Path) -> io::Result<Vec<Outgoing>> {
    let all = all(outgoing)?;
    let newest = all.first().filter(|one| one.resume).map(|one| one.seq);
    let (kept, gone): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|one| if one.resume { Some(one.seq) == newest } else { !was_displaced(&one.files) });
    gone.iter().try_for_each(Outgoing::done)?;
    Ok(kept)
}

/// Whether the program deleted the main file: these are the last links to it.
fn was_displaced(files: &[PathBuf]) -> bool {
    files.first().is_none_or(|main| fs::metadata(main).is_ok_and(|meta| meta.nlink() == 1))
}

impl Outgoing {
    /// It was sent, or is not wanted: lets go of its files.
    pub(crate) fn done(&self) -> io::Result<()> {
        remove_folder(&self.folder)
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[Outgoing]) -> Vec<(u64, bool)> {
        of.iter().map(|one| (one.seq, one.resume)).collect()
    }

    #[test]
    fn files_stay_until_they_are_sent_whatever_the_program_does() {
        let place = tempfile::tempdir().unwrap();
        let (main, beside) = (place.path().join("r-7.safetensors"), place.path().join("r-7.json"));
        fs::write(&main, "weights").unwrap();
        fs::write(&beside, "{}").unwrap();
        let outgoing = place.path().join("outgoing");
        assert!(pending(&outgoing).unwrap().is_empty());
        let files = ["r-7.safetensors", "r-7.json"].map(str::to_owned);
        take(&outgoing, 4, true, &main, &files).unwrap();
        take(&outgoing, 4, true, &main, &files).unwrap_err();
        fs::remove_file(&main).unwrap();
        let found = pending(&outgoing).unwrap();
        assert_eq!(names(&found), [(4, true)]);
        let content: Vec<_> = found[0].files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert_eq!(content, ["weights", "{}"]);
        found[0].done().unwrap();
        assert!(pending(&outgoing).unwrap().is_empty());
    }

    #[test]
    fn only_the_newest_to_go_on_from_and_models_that_are_still_kept_are_sent() {
        let place = tempfile::tempdir().unwrap();
        let outgoing = place.path().join("outgoing");
        for (seq, resume) in [(1, true), (2, false), (3, true), (4, false), (5, false)] {
            let main = place.path().join(format!("{seq}.safetensors"));
            fs::write(&main, "w").unwrap();
            take(&outgoing, seq, resume, &main, &[]).unwrap();
        }
        fs::remove_file(place.path().join("4.safetensors")).unwrap();
        assert_eq!(names(&pending(&outgoing).unwrap()), [(3, true), (5, false), (2, false)]);
        assert_eq!(fs::read_dir(&outgoing).unwrap().count(), 3, "the others are gone");
    }

    #[test]
    fn while_nobody_sends_at_most_two_to_go_on_from_are_kept() {
        let place = tempfile::tempdir().unwrap();
        let outgoing = place.path().join("outgoing");
        for seq in 1..=9 {
            let main = place.path().join(format!("{seq}.safetensors"));
            fs::write(&main, "w").unwrap();
            take(&outgoing, seq, true, &main, &[]).unwrap();
            fs::remove_file(main).unwrap();
        }
        assert_eq!(names(&all(&outgoing).unwrap()), [(9, true), (1, true)]);
        assert_eq!(names(&pending(&outgoing).unwrap()), [(9, true)]);
    }

    #[test]
    fn what_a_power_cut_tore_costs_itself_and_what_a_symbolic_link_means_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let outgoing = place.path().join("outgoing");
        let (file, main) = (place.path().join("epoch-3"), place.path().join("last"));
        fs::write(&file, "weights").unwrap();
        std::os::unix::fs::symlink("epoch-3", &main).unwrap();
        for seq in [1, 2] {
            take(&outgoing, seq, false, &main, &[]).unwrap();
        }
        fs::write(outgoing.join("1").join(MANIFEST), "{").unwrap();
        let found = pending(&outgoing).unwrap();
        assert_eq!(names(&found), [(2, false)]);
        fs::remove_file(file).unwrap();
        assert_eq!(fs::read_to_string(&found[0].files[0]).unwrap(), "weights");
        assert!(!outgoing.join("1").exists());
    }

    #[test]
    fn what_is_no_file_beside_the_checkpoint_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let main = place.path().join("a");
        fs::write(&main, "w").unwrap();
        let outgoing = place.path().join("outgoing");
        for name in ["../a", ".a", "", "x/y", "a\u{7}"] {
            assert!(take(&outgoing, 1, true, &main, &[name.to_owned()]).is_err(), "{name}");
        }
        assert!(take(&outgoing, 1, true, &place.path().join(".manifest"), &[]).is_err());
        let missing = take(&outgoing, 1, true, &main, &["b".to_owned()]).unwrap_err().to_string();
        assert!(missing.contains("/b: "), "{missing}");
        assert!(pending(&outgoing).unwrap().is_empty());
    }
}
