//! The AWS credentials of the local AWS: functions get them, and signatures are checked with them.

use std::collections::BTreeMap;
use std::fmt;

/// Temporary credentials, as every Lambda function has them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: String,
}

impl Default for Credentials {
    /// `local`, three times: whoever knows that it is a local AWS may use it.
    fn default() -> Self {
        let local = || "local".to_owned();
        Self { access_key_id: local(), secret_access_key: local(), session_token: local() }
    }
}

impl Credentials {
    /// Lays them over a function's variables, by the names that SDKs read.
    pub(crate) fn give(&self, environment: &mut BTreeMap<String, String>) {
        let Self { access_key_id, secret_access_key, session_token } = self;
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", access_key_id),
            ("AWS_SECRET_ACCESS_KEY", secret_access_key),
            ("AWS_SESSION_TOKEN", session_token),
        ] {
            environment.insert(name.to_owned(), value.clone());
        }
    }
}

impl fmt::Debug for Credentials {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
