//! What tests of files share: folders of their own, and processes that are killed while they write.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of a test's own, deleted at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// `name` is the test's own.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("switchboard-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Set for a child: the folder that it writes to.
const WRITE_TO: &str = "SWITCHBOARD_TEST_WRITE_TO";

/// What the child of [`killed`] does: writes one number after the other, and says which are
/// acknowledged. Nothing where nobody is the child.
pub(crate) fn write_until_killed(begin: impl FnOnce(PathBuf) -> Box<dyn FnMut(usize)>) {
    let Some(folder) = std::env::var_os(WRITE_TO) else { return };
    let mut write = begin(PathBuf::from(folder));
    for number in 0.. {
        write(number);
        println!("acknowledged {number}");
    }
}

/// Runs a test as a child, kills it when it has acknowledged so many, and gives how many it has.
pub(crate) fn killed(test: &str, folder: &Path, after: usize) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(WRITE_TO, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged =
        lines.filter_map(|line| line.rsplit_once("acknowledged ")?.1.parse::<usize>().ok());
    let told = acknowledged.by_ref().take(after).last().unwrap();
    child.kill().unwrap();
    // What was said between that line and the kill counts as well.
    let told = acknowledged.last().unwrap_or(told);
    child.wait().unwrap();
    told + 1
}
