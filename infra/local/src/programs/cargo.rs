//! cargo as a child process.

use std::ffi::OsString;
use std::process::Stdio;

use tokio::process::Command;

use super::BuildError;

/// What cargo sets for the program that `cargo run` or `cargo test` starts. A cargo within it has to
/// see what one from the shell sees, or build scripts that watch a variable run again.
const SET_BY_CARGO: [&str; 7] = [
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

/// The command without arguments: `$CARGO`, which cargo sets, or the one on the `PATH`.
pub(super) fn command() -> (Command, String) {
    // Not configuration of ours: cargo's own way to say which cargo a tool has to call.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(&cargo);
    for (name, _) in std::env::vars_os() {
        let set = |prefix: &&str| name.to_str().is_some_and(|name| name.starts_with(*prefix));
        if SET_BY_CARGO.iter().any(set) {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    (command, cargo.to_string_lossy().into_owned())
}

/// The error of a cargo that does not start.
pub(super) fn missing(cargo: String) -> impl FnOnce(std::io::Error) -> BuildError {
    |error| BuildError::NoCargo { cargo, error }
}
