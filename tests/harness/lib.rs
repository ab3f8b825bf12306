//! What the end-to-end tests start: the local AWS on free ports with the real function
//! binaries, clients, and looks into the table and the logs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends here"
)]

mod http;
mod logs;
mod socket;
mod stack;

use std::path::{Path, PathBuf};

pub use http::post;
pub use logs::Logs;
pub use socket::{Socket, close};
pub use stack::{Options, Stack, programs, sdk};

/// The repository's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the repository")
}

/// Builds the `switchboard` command as `cargo run` would, and gives its path. `cargo test` by
/// itself builds no package's binaries but the tested one's.
///
/// # Panics
/// When cargo cannot build it.
#[must_use]
pub fn switchboard() -> PathBuf {
    // All default members are selected, so that features resolve as for `cargo test`, and
    // nothing is built twice.
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let built = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--bin", "switchboard"])
        .current_dir(root())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "cargo builds switchboard");
    // target/debug/deps/it-… -> target/debug/switchboard
    let test = std::env::current_exe().expect("the test has a path");
    test.ancestors().nth(2).expect("the test stands in target/debug/deps").join("switchboard")
}
