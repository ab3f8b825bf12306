//! From an application's functions to executables.
//!
//! A function with `Metadata: BuildMethod: rust-cargolambda`, what SAM itself builds, is built
//! by cargo for this machine; a folder with an executable `bootstrap` runs as it is. Anything
//! else stays in the result with the reason why it cannot run.

mod build;
mod cargo;
mod metadata;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sam::app::{App, Code};

use self::metadata::{Resolver, Wanted};

/// The functions' programs by logical id.
pub type Programs = BTreeMap<String, Program>;

/// A function's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The absolute path of an executable that speaks Lambda's Runtime API.
    Executable(PathBuf),
    /// Not runnable here, with the reason in words.
    Unrunnable(String),
}

/// The cargo profile that functions are built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Quick to build.
    #[default]
    Dev,
    /// Quick to run.
    Release,
}

/// What a build is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// One `cargo build` begins.
    Started {
        /// The workspace's root folder.
        workspace: PathBuf,
        /// The binaries that it builds, sorted.
        binaries: Vec<String>,
    },
    /// cargo compiles a crate. When nothing has changed, none is compiled.
    Compiling {
        /// The crate's name and version, `serde v1.0.228`.
        package: String,
        /// Units that are done, cached ones included. cargo does not tell how many there are.
        done: usize,
    },
    /// Any other line that cargo writes for a person: warnings, errors, notes.
    Line(String),
    /// That `cargo build` went well.
    Finished {
        /// Nothing had to be compiled.
        fresh: bool,
        /// How long it took.
        seconds: f64,
    },
}

/// Why there are no programs.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no cargo.
    #[error("cannot run `{cargo}`, which builds the functions: {error}")]
    NoCargo {
        /// The command that was tried.
        cargo: String,
        /// Why it does not run.
        error: std::io::Error,
    },
    /// A function's `CodeUri` has no package.
    #[error("the function {function} is built from {}, which has no Cargo.toml", .package.display())]
    NoPackage {
        /// The function's logical id.
        function: String,
        /// The folder.
        package: PathBuf,
    },
    /// cargo cannot make sense of a package.
    #[error("cargo cannot read the package of the function {function}: {reason}")]
    Unreadable {
        /// The function's logical id.
        function: String,
        /// What cargo says.
        reason: String,
    },
    /// The package does not have the binary.
    #[error("the function {function} wants the binary `{binary}`, and its package {package} has {}", named(.binaries))]
    NoBinary {
        /// The function's logical id.
        function: String,
        /// The binary's name.
        binary: String,
        /// The package's name.
        package: String,
        /// The binaries that it has.
        binaries: Vec<String>,
    },
    /// The function names no binary, and its package does not have exactly one.
    #[error(
        "the function {function} names no binary (Handler, or BuildProperties.Binary), and its package {package} has {}",
        named(.binaries)
    )]
    AmbiguousBinary {
        /// The function's logical id.
        function: String,
        /// The package's name.
        package: String,
        /// The binaries that it has.
        binaries: Vec<String>,
    },
    /// A function's folder has no `bootstrap` that can be executed.
    #[error("the function {function} needs {} to be an executable file", .bootstrap.display())]
    NoBootstrap {
        /// The function's logical id.
        function: String,
        /// Where it should be.
        bootstrap: PathBuf,
    },
    /// The build failed.
    #[error("cargo could not build {}:\n{diagnostics}", .binaries.join(", "))]
    Failed {
        /// The binaries that should have been built.
        binaries: Vec<String>,
        /// What cargo and the compiler say.
        diagnostics: String,
    },
}

/// Finds or builds the program of every function of `app`: one `cargo build` for each workspace.
///
/// # Errors
/// See [`BuildError`]. A function that cannot run here by its nature is no error.
pub async fn build(
    app: &App,
    profile: Profile,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Programs, BuildError> {
    let mut programs = Programs::new();
    let mut resolver = Resolver::default();
    let mut wanted = Vec::new();
    for (id, function) in &app.functions {
        match &function.code {
            Code::Cargo { package, binary } => {
                wanted.push(resolver.resolve(id, package, binary.as_deref()).await?);
            }
            Code::Bootstrap(folder) => {
                programs.insert(id.clone(), Program::Executable(bootstrap(id, folder)?));
            }
            Code::Unrunnable(reason) => {
                programs.insert(id.clone(), Program::Unrunnable(reason.clone()));
            }
        }
    }
    for workspace in resolver.workspaces() {
        let of_it: Vec<&Wanted> = wanted.iter().filter(|wanted| wanted.workspace == workspace.root).collect();
        let executables = build::workspace(workspace, &of_it, profile, progress).await?;
        programs.extend(executables.into_iter().map(|(id, path)| (id, Program::Executable(path))));
    }
    Ok(programs)
}

fn bootstrap(function: &str, folder: &Path) -> Result<PathBuf, BuildError> {
    let bootstrap = folder.join("bootstrap");
    let executable = std::fs::metadata(&bootstrap)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
    let missing = |bootstrap| BuildError::NoBootstrap { function: function.to_owned(), bootstrap };
    if !executable {
        return Err(missing(bootstrap));
    }
    // Absolute: the process runs in that folder, from where a relative path would lead elsewhere.
    std::path::absolute(&bootstrap).map_err(|_| missing(bootstrap))
}

/// The names in words: `none`, or `` `a`, `b` ``.
fn named(binaries: &[String]) -> String {
    match binaries {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
