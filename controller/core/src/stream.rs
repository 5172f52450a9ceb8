//! Random streams, and numbers out of them. `ChaCha`, because its output is fixed for good.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng as _};

/// The stream of one thing of a sweep, for one purpose: keyed by all three, so that no stream depends on another.
pub(crate) fn keyed(seed: u64, number: u64, purpose: [u8; 8]) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&number.to_le_bytes());
    key[16..24].copy_from_slice(&purpose);
    ChaCha8Rng::from_seed(key)
}

/// Uniform in [0, 1), of 53 bits.
pub fn unit(stream: &mut impl Rng) -> f64 {
    fraction(stream.next_u64())
}

/// The upper 53 bits as a number in [0, 1).
pub(crate) fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Added at each step of SplitMix64.
pub(crate) const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The last step of SplitMix64 (Steele, Lea and Flood, 2014): every bit of the sum moves every bit of what comes out.
pub(crate) fn mix(sum: u64) -> u64 {
    let z = (sum ^ (sum >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_numbers_are_splitmix64s() {
        // The first three of seed 1234567, as published with the algorithm.
        let found: Vec<u64> =
            (1..=3).map(|step| mix(GOLDEN.wrapping_mul(step).wrapping_add(1_234_567))).collect();
        assert_eq!(found, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn streams_of_other_keys_are_others() {
        let first = |seed, number, purpose: &[u8; 8]| keyed(seed, number, *purpose).next_u64();
        let all = [first(1, 2, b"proposal"), first(2, 1, b"proposal"), first(1, 2, b"slowness")];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
        assert_eq!(all[0], first(1, 2, b"proposal"));
        assert!(
            (0..1000)
                .map(|number| unit(&mut keyed(0, number, *b"proposal")))
                .all(|u| (0.0..1.0).contains(&u))
        );
    }
}
