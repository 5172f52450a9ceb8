//! What the tests that set us beside Python's libraries have in common.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::print_stderr,
    reason = "each test file uses its part; a skip is said aloud"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where scripts and fixtures lie.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A Python that has these modules: `SWEEP_TEST_PYTHON`, or `python3`. Without one that is said, and the test skipped.
pub(crate) fn python(modules: &str) -> Option<String> {
    let python = std::env::var("SWEEP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    let has = probe.is_ok_and(|probe| probe.status.success());
    if !has {
        eprintln!(
            "SKIPPED: no Python with {modules} (name one in SWEEP_TEST_PYTHON); what does not need it is tested beside"
        );
    }
    has.then_some(python)
}

/// As `uniform` in parity.py.
pub(crate) fn uniform(count: usize, stream: u64) -> Vec<f32> {
    let one = |index: usize| {
        let mut h =
            ((index as u64).wrapping_mul(2_654_435_761).wrapping_add(stream * 40_503 + 12_345)) & 0xffff_ffff;
        h = ((h ^ (h >> 15)) * 2_246_822_519) & 0xffff_ffff;
        h = ((h ^ (h >> 13)) * 3_266_489_917) & 0xffff_ffff;
        h ^= h >> 16;
        (h as f64 / 2_147_483_648.0 - 1.0) as f32
    };
    (0..count).map(one).collect()
}
