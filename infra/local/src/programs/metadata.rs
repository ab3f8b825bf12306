//! What `cargo metadata` says: which workspace and package a function's binary belongs to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{BuildError, cargo};

/// One workspace, as cargo describes it.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(super) root: PathBuf,
    /// Package ids. Older cargos leave it out.
    #[serde(default, rename = "workspace_default_members")]
    default_members: Vec<String>,
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// A binary that a function needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The function's logical id.
    pub(super) function: String,
    /// The root of the workspace.
    pub(super) workspace: PathBuf,
    /// cargo's id of the package.
    pub(super) package_id: String,
    pub(super) package: String,
    pub(super) binary: String,
    /// Whether cargo selects the package without being told.
    pub(super) default_member: bool,
}

/// Finds packages, and asks cargo once for each workspace.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    workspaces: BTreeMap<PathBuf, Workspace>,
}

impl Resolver {
    pub(super) fn workspaces(&self) -> impl Iterator<Item = &Workspace> {
        self.workspaces.values()
    }

    /// Finds the binary of a function: `binary` of the package in the folder `package`, or its
    /// only one.
    pub(super) async fn resolve(
        &mut self,
        function: &str,
        package: &Path,
        binary: Option<&str>,
    ) -> Result<Wanted, BuildError> {
        let missing = || BuildError::NoPackage { function: function.to_owned(), package: package.to_owned() };
        // As cargo writes it: without links and dots.
        let manifest = package.join("Cargo.toml").canonicalize().map_err(|_| missing())?;
        let known = self.workspaces.values().any(|workspace| workspace.package(&manifest).is_some());
        if !known {
            let workspace = ask(function, &manifest).await?;
            self.workspaces.insert(workspace.root.clone(), workspace);
        }
        let found =
            self.workspaces.values().find_map(|workspace| Some((workspace, workspace.package(&manifest)?)));
        let (workspace, package) = found.ok_or_else(missing)?;
        wanted(function, workspace, package, binary)
    }
}

impl Workspace {
    fn package(&self, manifest: &Path) -> Option<&Package> {
        self.packages.iter().find(|package| package.manifest_path == manifest)
    }
}

fn wanted(
    function: &str,
    workspace: &Workspace,
    package: &Package,
    binary: Option<&str>,
) -> Result<Wanted, BuildError> {
    let is_binary = |target: &&Target| target.kind.iter().any(|kind| kind == "bin");
    let binaries: Vec<String> =
        package.targets.iter().filter(is_binary).map(|target| target.name.clone()).collect();
    let (function, name) = (function.to_owned(), package.name.clone());
    let binary = match (binary, binaries.as_slice()) {
        (Some(binary), have) if have.iter().any(|have| have == binary) => binary.to_owned(),
        (Some(binary), _) => {
            return Err(BuildError::NoBinary {
                function,
                binary: binary.to_owned(),
                package: name,
                binaries,
            });
        }
        (None, [only]) => only.clone(),
        (None, _) => return Err(BuildError::AmbiguousBinary { function, package: name, binaries }),
    };
    Ok(Wanted {
        function,
        workspace: workspace.root.clone(),
        package_id: package.id.clone(),
        package: name,
        binary,
        default_member: workspace.default_members.contains(&package.id),
    })
}

async fn ask(function: &str, manifest: &Path) -> Result<Workspace, BuildError> {
    let unreadable = |reason: String| BuildError::Unreadable { function: function.to_owned(), reason };
    let (mut command, cargo) = cargo::command();
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let output = command.output().await.map_err(cargo::missing(cargo))?;
    if !output.status.success() {
        return Err(unreadable(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_root": "/app",
        "workspace_default_members": ["path+file:///app/a#0.1.0"],
        "packages": [
            { "id": "path+file:///app/a#0.1.0", "name": "a", "manifest_path": "/app/a/Cargo.toml",
              "targets": [{ "name": "a", "kind": ["bin"] }, { "name": "build", "kind": ["custom-build"] }] },
            { "id": "path+file:///app/b#0.1.0", "name": "b", "manifest_path": "/app/b/Cargo.toml",
              "targets": [{ "name": "b", "kind": ["lib"] }, { "name": "one", "kind": ["bin"] },
                          { "name": "two", "kind": ["bin"] }] },
            { "id": "path+file:///app/c#0.1.0", "name": "c", "manifest_path": "/app/c/Cargo.toml",
              "targets": [{ "name": "c", "kind": ["lib"] }] }
        ]
    }"#;

    /// What a function with this package and binary gets: the binary's name, or the error.
    fn check(package: &str, binary: Option<&str>, expected: &str) {
        let workspace: Workspace = serde_json::from_str(METADATA).unwrap();
        let package = workspace.package(&Path::new("/app").join(package).join("Cargo.toml")).unwrap();
        let found = match wanted("F", &workspace, package, binary) {
            Ok(wanted) => format!("{} default={}", wanted.binary, wanted.default_member),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_binary_is_the_named_one_or_the_only_one() {
        check("a", None, "a default=true");
        check("a", Some("a"), "a default=true");
        check("b", Some("two"), "two default=false");
    }

    #[test]
    fn a_binary_that_is_not_there_names_those_that_are() {
        check("b", Some("b"), "the function F wants the binary `b`, and its package b has `one`, `two`");
        check("c", Some("x"), "the function F wants the binary `x`, and its package c has none");
        let unnamed = "the function F names no binary (Handler, or BuildProperties.Binary), and its package";
        check("b", None, &format!("{unnamed} b has `one`, `two`"));
        check("c", None, &format!("{unnamed} c has none"));
    }
}
