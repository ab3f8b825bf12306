//! Which AWS the operator's commands speak to: the one that is configured, or with `--local` the
//! `switchboard up` that runs in this folder.
//!
//! `up` leaves its address in a file of the user's runtime directory (`XDG_RUNTIME_DIR`, or else a
//! directory of the user's own in the temporary one), under a name made of the folder in which it
//! runs. A command finds it from that folder or one below it.

use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use local::Credentials;
use rustix::process::getuid;
use serde::{Deserialize, Serialize};

/// How AWS is reached.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ConnectArgs {
    /// Speak to the `switchboard up` that runs in this folder, or in one above it, and not to AWS.
    #[arg(long)]
    pub(crate) local: bool,
    /// The profile of the AWS configuration.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The AWS region.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

/// Why there is nobody to speak to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    #[error("no `switchboard up` runs in this folder or one above it; start it, or leave --local out")]
    NotUp,
    #[error("the folder in which this runs is not known: {0}")]
    Folder(io::Error),
}

/// Where a running `up` answers, as it leaves it for the other commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Places {
    /// The AWS services.
    pub(crate) aws: String,
    pub(crate) region: String,
    /// The first WebSocket API.
    pub(crate) websocket: Option<String>,
    /// The HTTP APIs.
    pub(crate) http: Option<String>,
    /// The key of the server API: the template's parameter `ApiKey`. Nobody else reads the file.
    pub(crate) api_key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Address {
    folder: PathBuf,
    process: u32,
    #[serde(flatten)]
    places: Places,
}

/// The address of a running `up`; it is taken back when this is dropped.
#[derive(Debug)]
pub(crate) struct Announcement {
    file: PathBuf,
    address: Address,
}

/// The configuration of AWS's SDKs: the usual one, with what the arguments say laid over it. The
/// credentials of `--local` are those that the functions of `up` have.
pub(crate) async fn config(args: &ConnectArgs) -> Result<SdkConfig, EndpointError> {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    if let Some(profile) = &args.profile {
        loader = loader.profile_name(profile);
    }
    if args.local {
        let address = local()?;
        let Credentials { access_key_id, secret_access_key, session_token } = Credentials::default();
        let credentials = aws_sdk_cloudwatchlogs::config::Credentials::new(
            access_key_id,
            secret_access_key,
            Some(session_token),
            None,
            "switchboard up",
        );
        loader = loader
            .endpoint_url(address.aws)
            .region(Region::new(address.region))
            .credentials_provider(credentials);
    }
    if let Some(region) = &args.region {
        loader = loader.region(Region::new(region.clone()));
    }
    Ok(loader.load().await)
}

/// Where the `up` of this folder answers.
pub(crate) fn local() -> Result<Places, EndpointError> {
    let folder = std::env::current_dir().map_err(EndpointError::Folder)?;
    find(&directory(), &folder).map(|address| address.places).ok_or(EndpointError::NotUp)
}

/// Leaves an address for the commands of this folder.
///
/// # Errors
/// When the file cannot be written; `up` is none the worse for it.
pub(crate) fn announce(places: Places) -> io::Result<Announcement> {
    announce_in(&directory(), &std::env::current_dir()?, places)
}

fn announce_in(directory: &Path, folder: &Path, places: Places) -> io::Result<Announcement> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    if fs::metadata(directory)?.uid() != getuid().as_raw() {
        return Err(io::Error::other(format!("{} belongs to somebody else", directory.display())));
    }
    let folder = folder.canonicalize()?;
    let file = file(directory, &folder);
    let address = Address { folder, process: std::process::id(), places };
    // Whole or not at all: a command may be reading.
    let partial = file.with_extension(address.process.to_string());
    fs::write(&partial, serde_json::to_vec(&address)?)?;
    fs::rename(&partial, &file)?;
    Ok(Announcement { file, address })
}

/// The address that was left for a folder or one above it.
fn find(directory: &Path, folder: &Path) -> Option<Address> {
    let is_own = fs::metadata(directory).is_ok_and(|found| found.uid() == getuid().as_raw());
    let folder = folder.canonicalize().ok().filter(|_| is_own)?;
    folder
        .ancestors()
        .find_map(|folder| read(&file(directory, folder)).filter(|found| found.folder == folder))
}

fn read(file: &Path) -> Option<Address> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Where addresses are left.
fn directory() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(directory) => PathBuf::from(directory).join("switchboard"),
        None => std::env::temp_dir().join(format!("switchboard-{}", getuid().as_raw())),
    }
}

fn file(directory: &Path, folder: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    directory.join(format!("{:016x}.json", hasher.finish()))
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Another `up` of the same folder may have left its own since.
        if read(&self.file).as_ref() == Some(&self.address) {
            let _ = fs::remove_file(&self.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_finds_the_up_of_its_folder_or_of_one_above_while_it_runs() {
        let root = std::env::temp_dir().join(format!("switchboard-endpoint-{}", std::process::id()));
        let (directory, folder) = (root.join("runtime"), root.join("project"));
        let below = folder.join("infra");
        fs::create_dir_all(&below).unwrap();
        assert_eq!(find(&directory, &folder), None);
        let at = |aws: &str| Places { aws: aws.to_owned(), ..Places::default() };
        let up = announce_in(&directory, &folder, at("http://127.0.0.1:1")).unwrap();
        for place in [&folder, &below] {
            assert_eq!(find(&directory, place).unwrap().places.aws, "http://127.0.0.1:1");
        }
        assert_eq!(find(&directory, &root), None);
        let newer = announce_in(&directory, &folder, at("http://127.0.0.1:2")).unwrap();
        drop(up);
        assert_eq!(
            find(&directory, &folder).unwrap().places.aws,
            "http://127.0.0.1:2",
            "that of the newer stays"
        );
        drop(newer);
        assert_eq!(find(&directory, &folder), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
