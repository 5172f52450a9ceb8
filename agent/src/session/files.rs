//! Files to and from the controller's artifact store.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sweep_core::file::{FileRef, FileRefError};
use sweep_proto::{content, v1};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::wire::attempt_ref;
use super::{CallError, PATIENCE, Session, call_error, nonsense, timed};
use crate::trial::task::AttemptKey;

/// Bytes of one message.
const PIECE: usize = 1 << 20;

/// Reads a file to its end, to announce it.
///
/// # Errors
/// When it cannot be read, or has no plain name.
pub(crate) fn announce(path: &Path) -> io::Result<FileRef> {
    let (sha256, size) = content::digest(File::open(path)?)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    FileRef::new(name, sha256, size).map_err(io::Error::other)
}

/// Why a file was not moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{}", .0.words())]
    Call(CallError),
}

impl From<CallError> for FileError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl Session {
    /// Sends a file, going on where an earlier try ended. Tries until the controller answers.
    pub(crate) async fn put_file(
        &self,
        key: AttemptKey,
        file: &FileRef,
        path: &Path,
    ) -> Result<(), FileError> {
        let what = format!("sending {}", file.name);
        let open = Arc::new(File::open(path)?);
        let mut at = self.insist(&what, || self.put_piece(key, file, 0, Vec::new())).await?;
        while !at.complete {
            let data = read_piece(Arc::clone(&open), at.received).await?;
            if data.is_empty() {
                let what = format!("{} became shorter while it was sent", path.display());
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what).into());
            }
            at = self.insist(&what, || self.put_piece(key, file, at.received, data.clone())).await?;
        }
        Ok(())
    }

    async fn put_piece(
        &self,
        key: AttemptKey,
        file: &FileRef,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<v1::PutFileResponse, CallError> {
        let request = v1::PutFileRequest {
            attempt: Some(attempt_ref(key)),
            file: Some(file.clone().into()),
            offset,
            data,
        };
        // The last piece is answered once the whole file is checked and durable: a second for each 8 MiB.
        let patience = PATIENCE + Duration::from_secs(file.size >> 23);
        let answer = self.client.clone().put_file(timed(request, patience)).await.map_err(call_error)?;
        Ok(answer.into_inner())
    }

    /// Tells that all files of a checkpoint are sent.
    pub(crate) async fn store_checkpoint(
        &self,
        key: AttemptKey,
        seq: u64,
        files: &[FileRef],
    ) -> Result<(), CallError> {
        let request = v1::StoreCheckpointRequest {
            attempt: Some(attempt_ref(key)),
            seq,
            files: files.iter().cloned().map(v1::FileRef::from).collect(),
        };
        self.client.clone().store_checkpoint(timed(request, PATIENCE)).await.map_err(call_error).map(drop)
    }

    /// Fetches a file; it is there under `path` only when it is whole and what it should be.
    pub(crate) async fn get_file(&self, file: &FileRef, path: &Path) -> Result<(), FileError> {
        let what = format!("fetching {}", file.name);
        // Names of files never begin with a dot.
        let part = path.with_file_name(".part");
        let mut to = tokio::fs::File::create(&part).await?;
        let (mut received, mut backoff) = (0, self.backoff());
        while received < file.size {
            let mut stream = self.insist(&what, || self.get_from(file, received)).await?;
            // Where the stream breaks off, it is asked for again from there.
            loop {
                match timeout(PATIENCE, stream.message()).await {
                    Ok(Ok(Some(v1::GetFileResponse { data }))) => {
                        to.write_all(&data).await?;
                        received += data.len() as u64;
                        backoff = self.backoff();
                    }
                    Ok(Ok(None)) if received < file.size => {
                        let what = format!("{} ended after {received} of {} bytes", file.name, file.size);
                        return Err(io::Error::new(io::ErrorKind::InvalidData, what).into());
                    }
                    Ok(Ok(None)) => break,
                    broken => {
                        if let Ok(Err(status)) = broken
                            && let refused @ CallError::Refused { .. } = call_error(status)
                        {
                            return Err(refused.into());
                        }
                        tracing::warn!("{what}: it broke off after {received} of {} bytes", file.size);
                        tokio::time::sleep(backoff.pause()).await;
                        break;
                    }
                }
            }
        }
        to.sync_all().await?;
        drop(to);
        let reading = part.clone();
        let read = move || content::digest(File::open(reading)?);
        let (sha256, _) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        if sha256 != file.sha256 {
            let what = format!("{} came with another content than was announced", file.name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what).into());
        }
        tokio::fs::rename(&part, path).await?;
        Ok(())
    }

    async fn get_from(
        &self,
        file: &FileRef,
        offset: u64,
    ) -> Result<tonic::Streaming<v1::GetFileResponse>, CallError> {
        let request = v1::GetFileRequest { sha256: file.sha256.clone(), offset };
        let mut client = self.client.clone();
        let answer = timeout(PATIENCE, client.get_file(request))
            .await
            .map_err(|_| CallError::Away("it does not answer".to_owned()))?;
        Ok(answer.map_err(call_error)?.into_inner())
    }
}

async fn read_piece(file: Arc<File>, offset: u64) -> io::Result<Vec<u8>> {
    let read = move || {
        let mut data = vec![0; PIECE];
        let mut filled = 0;
        while filled < PIECE {
            match file.read_at(&mut data[filled..], offset + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        data.truncate(filled);
        Ok(data)
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

/// The checkpoint of an assignment. Its files' names become paths here.
pub(super) fn read_resume(point: v1::ResumePoint) -> Result<Vec<FileRef>, CallError> {
    let file = |file: v1::FileRef| {
        file.try_into().map_err(|_: FileRefError| nonsense("a checkpoint's file without a good name or hash"))
    };
    point.files.into_iter().map(file).collect()
}
