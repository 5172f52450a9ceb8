//! Files by their content.

use std::fmt;

/// A file: what it is called, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileRef {
    /// Its name beside the others of its checkpoint, without folders.
    pub name: String,
    /// SHA-256 of the content: 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
}

/// Why something names no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRefError(String);

impl fmt::Display for FileRefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FileRefError {}

impl FileRef {
    /// A file whose name and hash are safe to be parts of a path.
    ///
    /// # Errors
    /// Names that are empty, begin with a dot, are longer than 255 bytes or hold a slash or a control character; hashes
    /// that are no SHA-256.
    pub fn new(name: impl Into<String>, sha256: impl Into<String>, size: u64) -> Result<Self, FileRefError> {
        let (name, sha256) = (name.into(), sha256.into());
        if !is_plain_name(&name) {
            return Err(FileRefError(format!("{name:?} is no name of a file of a checkpoint")));
        }
        if !is_sha256(&sha256) {
            return Err(FileRefError(format!("{sha256:?} is no SHA-256: 64 lower-case hexadecimal digits")));
        }
        Ok(Self { name, sha256, size })
    }
}

/// Whether a text can be the name of a file beside others, on any machine: not empty, no longer than 255 bytes, no dot at
/// its start, no slash, no control character.
pub fn is_plain_name(name: &str) -> bool {
    let odd = |letter: char| letter == '/' || letter == '\\' || letter.is_control();
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.contains(odd)
}

/// Whether a text is a SHA-256 as it is written here.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_and_whole_hashes_are_taken() {
        let hash = "0123456789abcdef".repeat(4);
        assert!(FileRef::new("120.safetensors", hash.clone(), 7).is_ok());
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a\0b", "a\nb", &"x".repeat(256)] {
            assert!(FileRef::new(name, hash.clone(), 7).is_err(), "{name:?}");
        }
        for bad in ["", "0", &hash[1..], &hash.to_uppercase(), &"../".repeat(22)[..64]] {
            assert!(FileRef::new("a", bad, 7).is_err(), "{bad:?}");
        }
    }
}
