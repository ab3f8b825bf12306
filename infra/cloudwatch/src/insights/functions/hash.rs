//! Digests, in lower-case hexadecimal digits.

use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::{Function, function, or_null, text};
use crate::insights::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("md5", 1, 1, |args| {
        or_null(text(args, 0).map(|text| Value::text(hex(Md5::digest(text.as_bytes()).as_slice()))))
    }),
    function("sha256", 1, 1, |args| {
        or_null(text(args, 0).map(|text| Value::text(hex(&Sha256::digest(text.as_bytes())))))
    }),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
