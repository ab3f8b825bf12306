//! Where a function's program comes from.

use std::path::{Path, PathBuf};

use crate::app::Code;
use crate::{Settings, read};

/// The code of one SAM function of a template in `folder`.
fn code(folder: &Path, properties: &str, metadata: &str) -> Code {
    let text = format!(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  F: {{Type: AWS::Serverless::Function, Metadata: {{{metadata}}}, Properties: {{{properties}}}}}
"
    );
    let app = read(&text, Path::new("template.yaml"), folder, &Settings::default());
    app.unwrap_or_else(|errors| panic!("{errors}")).functions.remove("F").unwrap().code
}

fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn check_unrunnable(properties: &str, expected: &str) {
    assert_eq!(
        code(Path::new("/nowhere"), properties, ""),
        Code::Unrunnable(expected.to_owned()),
        "{properties}"
    );
}

#[test]
fn cargo_builds_what_sam_has_it_build() {
    let package = infra().parent().unwrap().join("functions/connect");
    let cargo = |handler: &str, metadata: &str| {
        let properties =
            format!("CodeUri: ../functions/./connect, Runtime: provided.al2023, Handler: {handler}");
        code(&infra(), &properties, &format!("BuildMethod: rust-cargolambda{metadata}"))
    };
    let expected =
        |binary: Option<&str>| Code::Cargo { package: package.clone(), binary: binary.map(str::to_owned) };
    assert_eq!(cargo("bootstrap", ", BuildProperties: {Binary: connect}"), expected(Some("connect")));
    assert_eq!(cargo("other", ""), expected(Some("other")));
    assert_eq!(cargo("bootstrap", ""), expected(None));
    let missing =
        code(&infra(), "CodeUri: nothing, Runtime: provided.al2023", "BuildMethod: rust-cargolambda");
    let reason = format!("there is no Cargo.toml in {}", infra().join("nothing").display());
    assert_eq!(missing, Code::Unrunnable(reason));
}

#[cfg(unix)]
#[test]
fn a_folder_with_a_bootstrap_runs_when_it_may_be_executed() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    let folder = std::env::temp_dir().join(format!("switchboard-sam-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let bootstrap = folder.join("bootstrap");
    fs::write(&bootstrap, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&bootstrap, Permissions::from_mode(0o644)).unwrap();
    let properties = "CodeUri: ., Runtime: provided.al2023";
    let not_executable = code(&folder, properties, "");
    fs::set_permissions(&bootstrap, Permissions::from_mode(0o755)).unwrap();
    let executable = code(&folder, properties, "BuildMethod: makefile");
    fs::remove_dir_all(&folder).unwrap();

    let reason = format!("there is no executable `bootstrap` in {}", folder.display());
    assert_eq!(not_executable, Code::Unrunnable(reason));
    assert_eq!(executable, Code::Bootstrap(folder));
}

#[test]
fn what_cannot_run_says_why() {
    check_unrunnable(
        "CodeUri: x, Runtime: python3.13",
        "the runtime python3.13 is not run locally, only provided.* is",
    );
    check_unrunnable("CodeUri: x", "it has no `Runtime`");
    check_unrunnable(
        "InlineCode: 'x', Runtime: nodejs22.x",
        "its code stands in the template, and only programs are run locally",
    );
    check_unrunnable(
        "PackageType: Image, ImageUri: a/b",
        "it is a container image, and only programs are run locally",
    );
    check_unrunnable(
        "CodeUri: s3://a/b, Runtime: provided.al2023",
        "its code is in an S3 bucket, and only code of this machine is run locally",
    );
    check_unrunnable(
        "CodeUri: {Bucket: a, Key: b}, Runtime: provided.al2023",
        "its code is in an S3 bucket, and only code of this machine is run locally",
    );
    check_unrunnable(
        "CodeUri: a.zip, Runtime: provided.al2023",
        "its code is a zip file; unpack it and name the folder",
    );
    check_unrunnable(
        "CodeUri: x, Runtime: provided.al2023",
        "there is no executable `bootstrap` in /nowhere/x",
    );
}
