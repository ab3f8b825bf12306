//! From functions to executables, with a real cargo.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use local::programs::{self, BuildError, Profile, Program, Programs, Progress};
use sam::app::Code;

use crate::lambda_host::{app, function, probe, probe_package};
use crate::runtime_api::{bootstrap, folder};

async fn build(code: Code) -> (Result<Programs, BuildError>, Vec<Progress>) {
    let progress = Mutex::new(Vec::new());
    let programs =
        programs::build(&app(function(code)), Profile::Dev, &|step| progress.lock().unwrap().push(step))
            .await;
    (programs, progress.into_inner().unwrap())
}

/// A package of one file, in a workspace of its own.
fn package(name: &str, main: &str) -> PathBuf {
    let folder = folder(name);
    let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n[workspace]\n");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("src/main.rs"), main).unwrap();
    folder
}

/// What is wrong with a function's code, in words; folders are written as `~`.
async fn check(code: Code, folder: &Path, expected: &str) {
    let error = build(code).await.0.unwrap_err().to_string();
    assert_eq!(error.replace(&folder.display().to_string(), "~"), expected);
}

#[tokio::test]
async fn what_is_built_is_not_built_again() {
    probe().await;
    let (programs, progress) = build(probe_package()).await;
    let Program::Executable(path) = &programs.unwrap()["Probe"] else { panic!("the probe does not run") };
    assert!(path.is_absolute() && path.ends_with("debug/probe"), "{}", path.display());
    assert!(
        matches!(&progress[..], [Progress::Started { binaries, .. }, .., Progress::Finished { fresh: true, .. }]
            if binaries == &["probe"]),
        "{progress:?}"
    );
}

#[tokio::test]
async fn a_package_that_does_not_compile_says_why() {
    let package = package("broken", "fn main() { nothing() }");
    let (programs, progress) = build(Code::Cargo { package, binary: None }).await;
    let error = programs.unwrap_err().to_string();
    assert!(error.starts_with("cargo could not build broken:\n"), "{error}");
    assert!(
        error.contains("cannot find function `nothing`") && error.contains("src/main.rs:1:13"),
        "{error}"
    );
    assert!(
        progress.iter().any(
            |step| matches!(step, Progress::Compiling { package, .. } if package.starts_with("broken "))
        )
    );
}

#[tokio::test]
async fn a_package_or_binary_that_is_not_there_is_named() {
    let here = folder("nothing-here");
    let code = Code::Cargo { package: here.clone(), binary: None };
    check(code, &here, "the function Probe is built from ~, which has no Cargo.toml").await;
    let one = package("one-binary", "fn main() {}");
    let code = Code::Cargo { package: one.clone(), binary: Some("other".to_owned()) };
    check(
        code,
        &one,
        "the function Probe wants the binary `other`, and its package one-binary has `one-binary`",
    )
    .await;
}

#[tokio::test]
async fn a_bootstrap_has_to_be_executable() {
    let folder = folder("bootstrap");
    bootstrap(&folder, 0o644, "exit 1");
    let expected = "the function Probe needs ~/bootstrap to be an executable file";
    check(Code::Bootstrap(folder.clone()), &folder, expected).await;
    bootstrap(&folder, 0o755, "exit 1");
    let programs = build(Code::Bootstrap(folder.clone())).await.0.unwrap();
    assert_eq!(programs["Probe"], Program::Executable(folder.join("bootstrap")));
}

#[tokio::test]
async fn what_cannot_run_keeps_its_reason() {
    let programs = build(Code::Unrunnable("its runtime is nodejs24.x".to_owned())).await.0.unwrap();
    assert_eq!(programs["Probe"], Program::Unrunnable("its runtime is nodejs24.x".to_owned()));
}
