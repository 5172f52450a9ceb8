//! Files that are fetched once into the user's cache and checked by their hash: torchvision's published checkpoints, whose
//! names promise it, and the models of `serve`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use ureq::Agent;

use crate::config::{ResnetType, user_cache};
use crate::error::TrainError;
use crate::hex::hex;

/// Where torchvision itself fetches from.
pub const PUBLISHED: &str = "https://download.pytorch.org/models";
/// How often a connection that broke is taken up again where it broke.
const ATTEMPTS: u32 = 4;
/// For a connection, and for the first byte of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
const MEGABYTE: u64 = 1 << 20;
/// Digits of a SHA-256.
const WHOLE_HASH: usize = 64;

/// The file of torchvision's default ImageNet weights for a ResNet: `IMAGENET1K_V2` where there is one, else V1. The
/// eight digits begin its SHA-256.
pub fn imagenet(depth: ResnetType) -> &'static str {
    match depth {
        ResnetType::Resnet18 => "resnet18-f37072fd.pth",
        ResnetType::Resnet34 => "resnet34-b627a593.pth",
        ResnetType::Resnet50 => "resnet50-11ad3fa6.pth",
        ResnetType::Resnet101 => "resnet101-cd907fc2.pth",
        ResnetType::Resnet152 | ResnetType::Resnet150 => "resnet152-f82ba261.pth",
    }
}

/// The user's cache: `$XDG_CACHE_HOME/sweep/weights`, or `~/.cache/sweep/weights`.
///
/// # Errors
/// When neither variable says where.
pub fn cache() -> Result<PathBuf, TrainError> {
    user_cache().map(|cache| cache.join("weights")).ok_or_else(|| {
        TrainError::Config(
            "weights=imagenet needs a cache, but neither XDG_CACHE_HOME nor HOME is set".to_owned(),
        )
    })
}

/// The file `name` in `cache`, fetched from under `base` unless it is there. `tell` hears how far it is.
///
/// A download that was cut short goes on where it ended, also in a later process. Several processes may call this at
/// once: one fetches, the others wait for it.
///
/// # Errors
/// [`TrainError::Fetch`] when it cannot be had or is not what its name promises; those of `tell`.
pub fn fetch(
    name: &str,
    base: &str,
    cache: &Path,
    tell: &mut dyn FnMut(String) -> Result<(), TrainError>,
) -> Result<PathBuf, TrainError> {
    let promised = name.rsplit_once('-').map_or("", |(_, end)| end.split('.').next().unwrap_or(""));
    let url = format!("{}/{name}", base.trim_end_matches('/'));
    fetch_checked(&Wanted { what: "weights", name, url, sha256: promised }, cache, tell)
}

/// A file that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// What it is, before what is told of it.
    pub what: &'a str,
    /// Its name in the cache.
    pub name: &'a str,
    pub url: String,
    /// The first digits of its SHA-256, or all 64; what is known by all of them is also checked where it lies in the cache.
    pub sha256: &'a str,
}

/// As [`fetch`], from any address.
///
/// # Errors
/// Those of [`fetch`].
pub fn fetch_checked(
    wanted: &Wanted<'_>,
    cache: &Path,
    tell: &mut dyn FnMut(String) -> Result<(), TrainError>,
) -> Result<PathBuf, TrainError> {
    let Wanted { what, name, sha256, .. } = wanted;
    let path = cache.join(name);
    if path.exists() {
        if sha256.len() < WHOLE_HASH || hash_of(&path)? == *sha256 {
            return Ok(path);
        }
        tell(format!("{what}: {} is damaged, and is fetched again", path.display()))?;
        fs::remove_file(&path).map_err(TrainError::write(&path))?;
    }
    fs::create_dir_all(cache).map_err(TrainError::write(cache))?;
    let lock_path = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock_path).map_err(TrainError::write(&lock_path))?;
    if lock.try_lock().is_err() {
        tell(format!("{what}: waiting for another process that fetches {name}"))?;
        lock.lock().map_err(TrainError::write(&lock_path))?;
    }
    // Whoever held the lock before may have fetched it.
    if path.exists() {
        return Ok(path);
    }
    let part = cache.join(format!("{name}.part"));
    let mut download = Download { what, url: wanted.url.clone(), part, told: 0 };
    download.run(tell)?;
    download.check(sha256)?;
    fs::rename(&download.part, &path).map_err(TrainError::write(&path))?;
    tell(format!("{what}: {name} is fetched, its hash is right"))?;
    Ok(path)
}

struct Download<'a> {
    what: &'a str,
    url: String,
    part: PathBuf,
    /// Tenths of the file that were told of.
    told: u64,
}

/// How one connection ended.
enum Ended {
    Whole,
    /// In the middle, for this reason.
    Early(String),
}

impl Download<'_> {
    fn run(&mut self, tell: &mut dyn FnMut(String) -> Result<(), TrainError>) -> Result<(), TrainError> {
        let agent: Agent = Agent::config_builder()
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .http_status_as_error(false)
            .build()
            .into();
        let mut reason = String::new();
        for _ in 0..ATTEMPTS {
            match self.connect(&agent, tell)? {
                Ended::Whole => return Ok(()),
                Ended::Early(why) => reason = why,
            }
        }
        Err(self.failed(&format!("the connection broke {ATTEMPTS} times, the last time: {reason}")))
    }

    /// Asks for what is missing and appends it.
    fn connect(
        &mut self,
        agent: &Agent,
        tell: &mut dyn FnMut(String) -> Result<(), TrainError>,
    ) -> Result<Ended, TrainError> {
        let part = self.part.clone();
        let write = || TrainError::write(&part);
        let mut file = OpenOptions::new().create(true).append(true).open(&self.part).map_err(write())?;
        let mut have = file.metadata().map_err(write())?.len();
        let mut request = agent.get(&self.url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let mut response = match request.call() {
            Ok(response) => response,
            Err(error) => return Err(self.failed(&error.to_string())),
        };
        match response.status().as_u16() {
            206 => {}
            // The server knows no ranges, or nothing was asked for yet.
            200 => {
                file.set_len(0).map_err(write())?;
                have = 0;
            }
            // Nothing is missing, as far as the server sees; the hash will tell.
            416 if have > 0 => return Ok(Ended::Whole),
            status => return Err(self.failed(&format!("the server answered {status}"))),
        }
        let whole = response.body().content_length().map(|rest| have + rest);
        let mut body = response.body_mut().as_reader();
        let mut chunk = vec![0; MEGABYTE as usize];
        loop {
            let read = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Ok(Ended::Early(error.to_string())),
            };
            file.write_all(&chunk[..read]).map_err(write())?;
            have += read as u64;
            self.progress(have, whole, tell)?;
        }
        if whole.is_some_and(|whole| have < whole) {
            return Ok(Ended::Early("it ended early".to_owned()));
        }
        file.sync_all().map_err(write())?;
        Ok(Ended::Whole)
    }

    /// A line for every tenth.
    fn progress(
        &mut self,
        have: u64,
        whole: Option<u64>,
        tell: &mut dyn FnMut(String) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let Some(whole) = whole.filter(|&whole| whole > 0) else { return Ok(()) };
        let tenth = have * 10 / whole;
        if tenth > self.told {
            self.told = tenth;
            tell(format!(
                "{}: fetching {}: {} of {} MB",
                self.what,
                self.url,
                have.div_ceil(MEGABYTE),
                whole.div_ceil(MEGABYTE)
            ))?;
        }
        Ok(())
    }

    /// Compares the hash; a file that is not what it should be is removed, or it would be taken up again.
    fn check(&self, promised: &str) -> Result<(), TrainError> {
        let hash = hash_of(&self.part)?;
        if hash.starts_with(promised) {
            return Ok(());
        }
        fs::remove_file(&self.part).map_err(TrainError::write(&self.part))?;
        Err(self.failed(&format!(
            "its SHA-256 begins {}, but {promised} is promised: it is damaged, or something else under that name",
            &hash[..promised.len().min(hash.len())]
        )))
    }

    fn failed(&self, what: &str) -> TrainError {
        let place = self.part.with_extension("");
        TrainError::Fetch { url: self.url.clone(), what: what.to_owned(), place }
    }
}

/// SHA-256 of a file, in hexadecimal.
fn hash_of(path: &Path) -> Result<String, TrainError> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).map_err(TrainError::read(path))?;
    let mut chunk = vec![0; MEGABYTE as usize];
    loop {
        match file.read(&mut chunk).map_err(TrainError::read(path))? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&chunk[..read]),
        }
    }
}

#[cfg(test)]
mod tests;
