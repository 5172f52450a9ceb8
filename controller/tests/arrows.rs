//! The arrows between the packages, as `ARCHITECTURE.md` draws them: who may not use what.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

/// Whether `package`'s own dependencies (tests aside) reach `dependency`.
fn reaches(package: &str, dependency: &str) -> bool {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "-p", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && tree.starts_with(package),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    tree.lines().any(|line| line.split(' ').next() == Some(dependency))
}

#[test]
fn packages_keep_to_their_arrows() {
    for package in
        ["sweep-core", "sweep-proto", "sweep-store", "sweep-controller", "sweep-ctl", "sweep-agent"]
    {
        assert!(!reaches(package, "torch-sys"), "{package} must build without libtorch");
    }
    for dependency in ["tokio", "sqlx", "tonic", "rand"] {
        assert!(!reaches("sweep-core", dependency), "core is pure, without {dependency}");
    }
    for package in ["sweep-ctl", "sweep-agent", "sweep-train", "sweep-proto"] {
        assert!(!reaches(package, "sqlx"), "{package} has no database");
    }
    for dependency in ["sweep-core", "sweep-proto", "sweep-agent", "tonic"] {
        assert!(!reaches("sweep-train", dependency), "the trainer knows nothing of sweeps, nor {dependency}");
    }
    assert!(!reaches("sweep-store", "tonic"));
    // The question itself is sound.
    assert!(reaches("sweep-train", "torch-sys") && reaches("sweep-controller", "sqlx"));
}
