//! Files as both sides announce and check them: by the SHA-256 of what is in them.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};
use sweep_core::file::{FileRef, FileRefError};

use crate::v1;

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// The SHA-256 of all there is to read, as 64 lower-case hexadecimal digits, and how many bytes it was.
///
/// # Errors
/// When it cannot be read.
pub fn digest(mut from: impl Read) -> io::Result<(String, u64)> {
    let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
    Ok((hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), size))
}

impl From<FileRef> for v1::FileRef {
    fn from(file: FileRef) -> Self {
        Self { name: file.name, sha256: file.sha256, size: file.size }
    }
}

impl TryFrom<v1::FileRef> for FileRef {
    type Error = FileRefError;

    fn try_from(told: v1::FileRef) -> Result<Self, FileRefError> {
        Self::new(told.name, told.sha256, told.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_fips_180() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(&b"abc"[..]).ok(), Some((abc.to_owned(), 3)));
        let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(digest(io::repeat(b'a').take(1_000_000)).ok(), Some((million.to_owned(), 1_000_000)));
        assert_eq!(digest(io::empty()).ok().map(|(_, size)| size), Some(0));
    }
}
