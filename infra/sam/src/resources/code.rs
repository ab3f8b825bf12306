//! Where a function's program comes from, and why one cannot be run here.

use std::path::{Component, Path, PathBuf};

use crate::app::Code;
use crate::properties::Properties;
use crate::template::Resource;
use crate::yaml::Node;

pub(super) fn read(resource: &Resource, properties: &Properties<'_>, folder: &Path) -> Code {
    if properties.text("PackageType").as_deref() == Some("Image") || properties.has("ImageUri") {
        return unrunnable("it is a container image, and only programs are run locally");
    }
    let path = match resource.kind.as_str() {
        "AWS::Serverless::Function" => sam_path(properties),
        _ => lambda_path(properties),
    };
    let path = match path {
        Ok(path) => normal(&folder.join(path)),
        Err(reason) => return unrunnable(reason),
    };
    let method = resource.metadata.as_ref().and_then(|metadata| metadata.get("BuildMethod"));
    match method.and_then(Node::as_text) {
        Some("rust-cargolambda") => cargo(resource, properties, path),
        method => bootstrap(properties, path, method),
    }
}

fn unrunnable(reason: impl Into<String>) -> Code {
    Code::Unrunnable(reason.into())
}

fn sam_path(properties: &Properties<'_>) -> Result<String, String> {
    if properties.has("InlineCode") {
        return Err(INLINE.to_owned());
    }
    properties.require("CodeUri");
    code_path(properties, "CodeUri")
}

/// CloudFormation knows code in a bucket or inline; a path is what its packaging tools replace.
fn lambda_path(properties: &Properties<'_>) -> Result<String, String> {
    properties.require("Code");
    code_path(properties, "Code")
}

fn code_path(properties: &Properties<'_>, name: &str) -> Result<String, String> {
    let Some(value) = properties.get(name) else { return Err(format!("its `{name}` is not known")) };
    if matches!(value.data, crate::value::Data::Map(_)) {
        let map = properties.map(name);
        let has = |member: &str| map.is_some_and(|map| map.has(member));
        return Err(if has("ZipFile") {
            INLINE.to_owned()
        } else if has("ImageUri") {
            "it is a container image, and only programs are run locally".to_owned()
        } else {
            BUCKET.to_owned()
        });
    }
    match properties.text(name) {
        Some(path) if path.starts_with("s3://") || path.starts_with("https://") => Err(BUCKET.to_owned()),
        Some(path) => Ok(path),
        None => Err(format!("its `{name}` is not known")),
    }
}

const INLINE: &str = "its code stands in the template, and only programs are run locally";
const BUCKET: &str = "its code is in an S3 bucket, and only code of this machine is run locally";

/// `Metadata.BuildProperties.Binary` is what SAM hands to cargo-lambda as the program's name.
fn cargo(resource: &Resource, properties: &Properties<'_>, package: PathBuf) -> Code {
    if !package.join("Cargo.toml").is_file() {
        return unrunnable(format!("there is no Cargo.toml in {}", package.display()));
    }
    let build = resource.metadata.as_ref().and_then(|metadata| metadata.get("BuildProperties"));
    let named = build.and_then(|build| build.get("Binary")).and_then(Node::as_text).map(str::to_owned);
    let handler = || properties.text("Handler").filter(|handler| handler != "bootstrap");
    Code::Cargo { package, binary: named.or_else(handler) }
}

fn bootstrap(properties: &Properties<'_>, folder: PathBuf, method: Option<&str>) -> Code {
    let runtime = properties.text("Runtime").unwrap_or_default();
    if !runtime.starts_with("provided") {
        return unrunnable(match runtime.as_str() {
            "" => "it has no `Runtime`".to_owned(),
            runtime => format!("the runtime {runtime} is not run locally, only provided.* is"),
        });
    }
    if folder.extension().is_some_and(|extension| extension == "zip") {
        return unrunnable("its code is a zip file; unpack it and name the folder");
    }
    if !is_executable(&folder.join("bootstrap")) {
        let built = match method {
            Some(method) => format!("; its BuildMethod `{method}` is not run locally, build it first"),
            None => String::new(),
        };
        return unrunnable(format!("there is no executable `bootstrap` in {}{built}", folder.display()));
    }
    Code::Bootstrap(folder)
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

/// The path without its `.` and `..`, so that it reads as one would write it.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            component => normal.push(component),
        }
    }
    normal
}
