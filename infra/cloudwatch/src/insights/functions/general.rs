//! Presence, size and kind of a value.

use super::{Function, anything, function, or_null, text};
use crate::insights::number::from_usize;
use crate::insights::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    anything("ispresent", 1, 1, |args| Value::truth(args.first().is_some_and(|value| !value.is_null()))),
    anything("isNumeric", 1, 1, |args| {
        Value::truth(args.first().is_some_and(|value| value.as_number().is_some()))
    }),
    function("messageSize", 1, 1, |args| {
        or_null(text(args, 0).map(|text| Value::Number(from_usize(text.len()))))
    }),
    // Data protection policies mask nothing here, so there is nothing to lay open.
    anything("unmask", 1, 1, |args| super::value(args, 0)),
];
