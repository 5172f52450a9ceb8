//! Random streams: one for each purpose, each a function of a recorded seed and nothing else.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};

/// The stream for `purpose`, number `number`, under `seed`.
pub fn stream(seed: u64, purpose: &str, number: u64) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(digest(seed, purpose, &number.to_le_bytes()))
}

/// A key to sort by that is random in `seed` and the same on every machine.
pub fn sort_key(seed: u64, purpose: &str, content: &[u8]) -> [u8; 32] {
    digest(seed, purpose, content)
}

fn digest(seed: u64, purpose: &str, content: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    hasher.update((purpose.len() as u64).to_le_bytes());
    hasher.update(purpose.as_bytes());
    hasher.update(content);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;

    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_number() {
        let first = |seed, purpose, number| stream(seed, purpose, number).next_u64();
        assert_eq!(first(7, "shuffle", 0), first(7, "shuffle", 0));
        assert_ne!(first(7, "shuffle", 0), first(8, "shuffle", 0));
        assert_ne!(first(7, "shuffle", 0), first(7, "shuffle", 1));
        assert_ne!(first(7, "shuffle", 0), first(7, "faces", 0));
    }
}
