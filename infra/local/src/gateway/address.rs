//! What a request's path names: a stage's socket, or one of its connections.

use percent_encoding::percent_decode_str;

/// The segment that the management API's paths have after the stage.
const CONNECTIONS: &str = "@connections";

/// A path that the gateway knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `/{stage}`, where clients connect.
    Socket {
        /// The stage's name.
        stage: String,
    },
    /// `/{stage}/@connections/{id}`, the management API.
    Connection {
        /// The stage's name.
        stage: String,
        /// The connection's id, decoded but not checked.
        id: String,
    },
}

impl Address {
    /// Reads a path, whose segments may be percent-encoded; `None` when it is no address.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<String> = path.strip_prefix('/')?.split('/').map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["", ..] => None,
            [stage] | [stage, ""] => Some(Self::Socket { stage: (*stage).to_owned() }),
            [stage, CONNECTIONS, id] => {
                Some(Self::Connection { stage: (*stage).to_owned(), id: (*id).to_owned() })
            }
            _ => None,
        }
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<(&str, Option<&str>)>) {
        let parsed = Address::parse(path).map(|address| match address {
            Address::Socket { stage } => (stage, None),
            Address::Connection { stage, id } => (stage, Some(id)),
        });
        let parsed = parsed.as_ref().map(|(stage, id)| (stage.as_str(), id.as_deref()));
        assert_eq!(parsed, expected, "{path}");
    }

    #[test]
    fn a_stage_with_or_without_a_slash_is_a_socket() {
        check("/prod", Some(("prod", None)));
        check("/prod/", Some(("prod", None)));
    }

    #[test]
    fn a_connection_is_named_plainly_or_encoded() {
        for path in
            ["/prod/@connections/a-_=", "/prod/%40connections/a-_%3D", "/prod/%40connections/a%2D%5F%3d"]
        {
            check(path, Some(("prod", Some("a-_="))));
        }
        check("/prod/@connections/", Some(("prod", Some(""))));
    }

    #[test]
    fn anything_else_is_no_address() {
        for path in
            ["", "/", "//", "/prod/@connections", "/prod/x", "/prod/@connections/a/b", "/prod//", "prod"]
        {
            check(path, None);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_an_encoded_id_comes_back(path in r"\PC{0,40}", id in "[a-zA-Z0-9_=-]{1,20}") {
            let _ = Address::parse(&path);
            let path = format!("/s/%40connections/{}", id.replace('=', "%3D"));
            prop_assert_eq!(Address::parse(&path), Some(Address::Connection { stage: "s".to_owned(), id }));
        }
    }
}
