//! Files of trials, kept under the SHA-256 of their content: a folder of this machine, or a bucket.
//!
//! Invariants: a file is visible under its hash only when it is whole, checked and durable; the same content is kept
//! once; nothing is ever changed under its hash. So chunks may come twice, in any pieces, from several agents.

mod incoming;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use sweep_core::file::FileRef;
use sweep_proto::content;
use thiserror::Error;
use tokio::io::AsyncReadExt as _;

use self::incoming::Incoming;

/// Bytes of one part of an upload to a bucket: S3 takes no smaller ones than 5 MiB.
const PART: usize = 8 << 20;

/// Why a file cannot be taken or given.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// What was sent is not what was announced; it must be sent again from the beginning.
    #[error("the {} bytes sent do not have the SHA-256 {}", file.size, file.sha256)]
    Mismatch { file: FileRef },
    #[error("no file with the SHA-256 {sha256} is stored")]
    Missing { sha256: String },
    #[error("cannot keep files of checkpoints in {place}: {cause}\n  {fix}")]
    Open { place: String, fix: &'static str, cause: String },
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("the artifact store failed: {0}")]
    Store(#[from] object_store::Error),
}

impl ArtifactError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// How much of a file is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Send on from here.
    pub bytes: u64,
    /// It is whole, checked and durable.
    pub complete: bool,
}

/// The artifact store.
#[derive(Debug, Clone)]
pub struct Artifacts {
    /// As it was named.
    place: String,
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    /// The folder behind `store`, if it is one: what is put there must be synced by us.
    folder: Option<PathBuf>,
    /// `None`: files come in one piece.
    incoming: Option<Arc<Incoming>>,
}

impl fmt::Display for Artifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl Artifacts {
    /// Opens a store by URL (`s3://bucket/prefix`, `gs://...`, `az://...`, `file:///...`) or by a folder's path, which is
    /// made when it is missing. Credentials come from the environment, under the names that each cloud's tools use.
    /// Half-sent files lie in `incoming`.
    ///
    /// # Errors
    /// [`ArtifactError::Open`] with what is wrong with the URL or the folder.
    pub async fn open(place: &str, incoming: &Path) -> Result<Self, ArtifactError> {
        let open = |fix: &'static str, error: &(dyn std::error::Error + 'static)| ArtifactError::Open {
            place: place.to_owned(),
            fix,
            // The innermost: those around it repeat it.
            cause: sweep_proto::status::root_cause(error),
        };
        let path = place.strip_prefix("file://").or_else(|| (!place.contains("://")).then_some(place));
        let (store, prefix, folder): (Arc<dyn ObjectStore>, Key, _) = match path {
            Some(path) => {
                let fix = "name a folder that you may write: --artifacts FOLDER";
                let folder = PathBuf::from(path);
                tokio::fs::create_dir_all(&folder).await.map_err(|error| open(fix, &error))?;
                let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| open(fix, &error))?;
                (Arc::new(store), Key::default(), Some(folder))
            }
            None => {
                let fix = "name a folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX; accounts and keys\n  \
                           come from the environment: AWS_*, GOOGLE_*, AZURE_*";
                let url = place.parse::<url::Url>().map_err(|error| open(fix, &error))?;
                // The first one counts; that of an earlier call is the same.
                let _installed = rustls::crypto::ring::default_provider().install_default();
                let settings = std::env::vars().map(|(name, value)| (name.to_lowercase(), value));
                let (store, prefix) =
                    object_store::parse_url_opts(&url, settings).map_err(|error| open(fix, &error))?;
                (Arc::from(store), prefix, None)
            }
        };
        let incoming = Incoming::open(incoming).await?;
        Ok(Self { place: place.to_owned(), store, prefix, folder, incoming: Some(Arc::new(incoming)) })
    }

    /// A store that is gone with its last handle and takes files in one piece only. It has no thread, so that a
    /// simulated cluster does the same each time.
    pub fn in_memory() -> Self {
        Self {
            place: "memory".to_owned(),
            store: Arc::new(InMemory::new()),
            prefix: Key::default(),
            folder: None,
            incoming: None,
        }
    }

    /// Takes `data`, which stands at `offset` of a file, and says how much of the file is here now. What is here
    /// already is not taken again; what leaves a gap is not taken at all. No data asks only.
    ///
    /// # Errors
    /// [`ArtifactError::Mismatch`] when the whole file was sent and is another; nothing of it is kept then.
    pub async fn put(&self, file: &FileRef, offset: u64, data: &[u8]) -> Result<Received, ArtifactError> {
        let Some(incoming) = &self.incoming else { return self.put_whole(file, offset, data).await };
        let mut part = incoming.lock(file).await?;
        if part.is_empty() && self.has(file).await? {
            return Ok(Received { bytes: file.size, complete: true });
        }
        let bytes = part.append(offset, data).await?;
        if bytes < file.size {
            return Ok(Received { bytes, complete: false });
        }
        // A task of its own: a large file takes its time, and who grows tired of waiting asks again and finds it kept.
        let (store, file) = (self.clone(), file.clone());
        let kept = tokio::spawn(async move { store.complete(&file, part).await }).await;
        kept.map_err(|error| ArtifactError::Io { what: "keeping a file".to_owned(), source: error.into() })??;
        Ok(Received { bytes, complete: true })
    }

    async fn put_whole(&self, file: &FileRef, offset: u64, data: &[u8]) -> Result<Received, ArtifactError> {
        if self.has(file).await? {
            return Ok(Received { bytes: file.size, complete: true });
        }
        if offset > 0 || data.len() as u64 != file.size {
            return Ok(Received { bytes: 0, complete: false });
        }
        if content::digest(data).map_err(ArtifactError::io("hashing a file"))?.0 != file.sha256 {
            return Err(ArtifactError::Mismatch { file: file.clone() });
        }
        self.store.put(&self.key(&file.sha256), Bytes::copy_from_slice(data).into()).await?;
        Ok(Received { bytes: file.size, complete: true })
    }

    /// Checks a file that was sent to its end, and keeps it.
    async fn complete(&self, file: &FileRef, mut part: incoming::Part) -> Result<(), ArtifactError> {
        if !part.is_what_was_announced().await? {
            part.discard().await?;
            return Err(ArtifactError::Mismatch { file: file.clone() });
        }
        self.keep(file, part.path()).await?;
        part.discard().await
    }

    /// Whether a file is stored, whole.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn has(&self, file: &FileRef) -> Result<bool, ArtifactError> {
        match self.store.head(&self.key(&file.sha256)).await {
            Ok(meta) => Ok(meta.size == file.size),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The content of a file from `offset` on.
    ///
    /// # Errors
    /// [`ArtifactError::Missing`].
    pub async fn get(
        &self,
        sha256: &str,
        offset: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, ArtifactError>>, ArtifactError> {
        let key = self.key(sha256);
        let missing = || ArtifactError::Missing { sha256: sha256.to_owned() };
        let meta = match self.store.head(&key).await {
            Err(object_store::Error::NotFound { .. }) => return Err(missing()),
            meta => meta?,
        };
        if offset >= meta.size {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions { range: Some(GetRange::Offset(offset)), ..GetOptions::default() };
        match self.store.get_opts(&key, options).await {
            Err(object_store::Error::NotFound { .. }) => Err(missing()),
            got => Ok(got?.into_stream().map_err(ArtifactError::from).boxed()),
        }
    }

    /// Removes a file that nothing points to any more. One that is not there is no error.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn remove(&self, sha256: &str) -> Result<(), ArtifactError> {
        match self.store.delete(&self.key(sha256)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// `sha256/ab/abcdef...`: no folder gets too full.
    fn key(&self, sha256: &str) -> Key {
        let start = sha256.get(..2).unwrap_or("__");
        self.prefix.clone().join("sha256").join(start).join(sha256)
    }

    async fn keep(&self, file: &FileRef, path: &Path) -> Result<(), ArtifactError> {
        let key = self.key(&file.sha256);
        if file.size == 0 {
            // No part was ever written, and buckets take no upload without parts.
            self.store.put(&key, object_store::PutPayload::new()).await?;
        } else {
            self.upload(&key, path).await?;
        }
        match &self.folder {
            // Buckets are durable once they answer, folders are not.
            Some(folder) => sync(folder, &key).await,
            None => Ok(()),
        }
    }

    async fn upload(&self, key: &Key, path: &Path) -> Result<(), ArtifactError> {
        let reading = || format!("reading {}", path.display());
        let mut from = tokio::fs::File::open(path).await.map_err(ArtifactError::io(reading()))?;
        let upload = self.store.put_multipart(key).await?;
        let mut upload = object_store::WriteMultipart::new_with_chunk_size(upload, PART);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = from.read(&mut buffer).await.map_err(ArtifactError::io(reading()))?;
            if read == 0 {
                break;
            }
            upload.wait_for_capacity(2).await?;
            upload.write(&buffer[..read]);
        }
        upload.finish().await?;
        Ok(())
    }
}

/// Makes a file of a local store durable, and every folder that leads to it.
async fn sync(folder: &Path, key: &Key) -> Result<(), ArtifactError> {
    let folder = folder.to_owned();
    let path = folder.join(key.as_ref());
    let what = format!("syncing {}", path.display());
    let sync = move || {
        let inside = path.ancestors().take_while(|place| place.starts_with(&folder));
        inside.into_iter().try_for_each(|place| std::fs::File::open(place)?.sync_all())
    };
    tokio::task::spawn_blocking(sync)
        .await
        .map_err(|error| ArtifactError::Io { what: what.clone(), source: error.into() })?
        .map_err(ArtifactError::io(what))
}

#[cfg(test)]
mod tests;
