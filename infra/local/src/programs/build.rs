//! One `cargo build` for the functions of one workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::time::Instant;

use super::metadata::{Wanted, Workspace};
use super::{BuildError, Profile, Progress, cargo};

/// Builds what is wanted of a workspace and gives the executables by the functions' logical ids.
pub(super) async fn workspace(
    workspace: &Workspace,
    wanted: &[&Wanted],
    profile: Profile,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let started = Instant::now();
    let names: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.binary.as_str()).collect();
    let binaries: Vec<String> = names.into_iter().map(str::to_owned).collect();
    progress(Progress::Started { workspace: workspace.root.clone(), binaries: binaries.clone() });

    let (mut command, cargo) = cargo::command();
    command
        .arg("build")
        .args(arguments(wanted, profile))
        .arg("--manifest-path")
        .arg(workspace.root.join("Cargo.toml"));
    // Its configuration and its toolchain are those of the folder that cargo runs in.
    command.current_dir(&workspace.root);
    let (built, said) = run(command, cargo, progress).await?;
    let failed = |diagnostics: String| BuildError::Failed { binaries: binaries.clone(), diagnostics };
    if !built.success {
        return Err(failed(said));
    }
    let mut programs = BTreeMap::new();
    for wanted in wanted {
        let key = (wanted.package_id.clone(), wanted.binary.clone());
        let executable = built.executables.get(&key).ok_or_else(|| {
            failed(format!(
                "cargo does not say where it put `{}` of the package {}",
                wanted.binary, wanted.package
            ))
        })?;
        programs.insert(wanted.function.clone(), executable.clone());
    }
    progress(Progress::Finished { fresh: built.fresh, seconds: started.elapsed().as_secs_f64() });
    Ok(programs)
}

/// What tells cargo which binaries to build, and how.
///
/// Without `-p` where it can be: cargo gives each dependency the features that the selected
/// packages ask for. The default members are also what `cargo run` and `cargo test` select in the
/// workspace's root, so that all share one built AWS SDK; with `-p` it would be built once more.
fn arguments(wanted: &[&Wanted], profile: Profile) -> Vec<String> {
    let mut arguments = vec!["--message-format=json-render-diagnostics".to_owned()];
    if profile == Profile::Release {
        arguments.push("--release".to_owned());
    }
    let binaries: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.binary.as_str()).collect();
    let mut packages: BTreeSet<&str> = BTreeSet::new();
    if !wanted.iter().all(|wanted| wanted.default_member) {
        packages = wanted.iter().map(|wanted| wanted.package.as_str()).collect();
    }
    let select = |flag: &'static str, names: BTreeSet<&str>| {
        names.into_iter().flat_map(move |name| [flag.to_owned(), name.to_owned()]).collect::<Vec<_>>()
    };
    arguments.extend(select("-p", packages));
    arguments.extend(select("--bin", binaries));
    arguments
}

/// What cargo reports on standard output.
#[derive(Debug)]
struct Built {
    success: bool,
    fresh: bool,
    /// By package id and binary.
    executables: BTreeMap<(String, String), PathBuf>,
    /// Units that are done.
    done: usize,
}

/// One line of cargo's output for programs; those of other kinds have other members.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    reason: String,
    package_id: String,
    target: MessageTarget,
    executable: Option<PathBuf>,
    fresh: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MessageTarget {
    name: String,
}

/// Runs cargo to its end and gives, besides, what it said for a person.
async fn run(
    mut command: Command,
    cargo: String,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Built, String), BuildError> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let broken = |cargo: &str, error| BuildError::NoCargo { cargo: cargo.to_owned(), error };
    let mut child = command.spawn().map_err(cargo::missing(cargo.clone()))?;
    let mut messages = lines(child.stdout.take());
    let mut words = lines(child.stderr.take());
    let mut built = Built { success: false, fresh: true, executables: BTreeMap::new(), done: 0 };
    let (mut said, mut open) = (String::new(), (true, true));
    while open != (false, false) {
        tokio::select! {
            line = next(&mut messages), if open.0 => match line {
                Some(line) => built.read(&line),
                None => open.0 = false,
            },
            line = next(&mut words), if open.1 => match line {
                Some(line) => tell(&line, built.done, &mut said, progress),
                None => open.1 = false,
            },
        }
    }
    built.success = child.wait().await.map_err(|error| broken(&cargo, error))?.success();
    Ok((built, said))
}

type Lines<R> = Option<tokio::io::Lines<BufReader<R>>>;

fn lines<R: AsyncRead + Unpin>(reader: Option<R>) -> Lines<R> {
    reader.map(|reader| BufReader::new(reader).lines())
}

/// The next line; `None` at the end, and for what cannot be read.
async fn next<R: AsyncRead + Unpin>(lines: &mut Lines<R>) -> Option<String> {
    lines.as_mut()?.next_line().await.ok().flatten()
}

impl Built {
    fn read(&mut self, line: &str) {
        // Lines that are not cargo's come from build scripts; they are nobody's business.
        let Ok(message) = serde_json::from_str::<Message>(line) else { return };
        if message.reason != "compiler-artifact" {
            return;
        }
        self.done += 1;
        self.fresh &= message.fresh;
        if let Some(executable) = message.executable {
            self.executables.insert((message.package_id, message.target.name), executable);
        }
    }
}

/// Passes on one line of what cargo says for a person, and keeps what explains a failure.
fn tell(line: &str, done: usize, said: &mut String, progress: &(dyn Fn(Progress) + Sync)) {
    if let Some(package) = line.trim_start().strip_prefix("Compiling ") {
        progress(Progress::Compiling { package: package.to_owned(), done });
        return;
    }
    said.push_str(line);
    said.push('\n');
    progress(Progress::Line(line.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(package: &str, binary: &str, default_member: bool) -> Wanted {
        Wanted {
            function: binary.to_owned(),
            workspace: PathBuf::from("/app"),
            package_id: package.to_owned(),
            package: package.to_owned(),
            binary: binary.to_owned(),
            default_member,
        }
    }

    /// The arguments after the message format.
    fn check(wanted: &[Wanted], profile: Profile, expected: &str) {
        let wanted: Vec<&Wanted> = wanted.iter().collect();
        assert_eq!(arguments(&wanted, profile)[1..].join(" "), expected);
    }

    #[test]
    fn default_members_are_built_without_naming_packages() {
        let both = [wanted("connect", "connect", true), wanted("default", "default", true)];
        check(&both, Profile::Dev, "--bin connect --bin default");
        check(&both, Profile::Release, "--release --bin connect --bin default");
    }

    #[test]
    fn one_package_outside_the_default_members_names_them_all() {
        let both = [wanted("a", "x", true), wanted("b", "x", false)];
        check(&both, Profile::Dev, "-p a -p b --bin x");
    }

    #[test]
    fn only_artifacts_count_and_one_that_was_compiled_makes_the_build_unfresh() {
        let mut built = Built { success: false, fresh: true, executables: BTreeMap::new(), done: 0 };
        built.read("warning from a build script");
        built.read(r#"{"reason":"build-script-executed","package_id":"p"}"#);
        built.read(r#"{"reason":"compiler-artifact","package_id":"p","target":{"name":"lib"},"executable":null,"fresh":true}"#);
        assert!(built.fresh);
        built.read(r#"{"reason":"compiler-artifact","package_id":"p","target":{"name":"b"},"executable":"/t/b","fresh":false}"#);
        assert_eq!((built.done, built.fresh), (2, false));
        assert_eq!(built.executables[&("p".to_owned(), "b".to_owned())], PathBuf::from("/t/b"));
    }
}
