//! What is taken off the ends of a text: white space, or a set of characters.

use std::borrow::Cow;

use super::{Function, function, text};
use crate::insights::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("trim", 1, 2, |args| trim(args, true, true)),
    function("ltrim", 1, 2, |args| trim(args, true, false)),
    function("rtrim", 1, 2, |args| trim(args, false, true)),
];

fn trim<'v>(args: &[Value<'v>], left: bool, right: bool) -> Value<'v> {
    let set = if args.len() > 1 { text(args, 1) } else { None };
    let goes = |found: char| set.as_deref().map_or_else(|| found.is_whitespace(), |set| set.contains(found));
    let cut = |text: &str| -> std::ops::Range<usize> {
        let start = if left { text.len() - text.trim_start_matches(goes).len() } else { 0 };
        let end = if right { text.trim_end_matches(goes).len() } else { text.len() };
        start..end.max(start)
    };
    match args.first() {
        Some(Value::Text(Cow::Borrowed(found))) => Value::text(found.get(cut(found)).unwrap_or_default()),
        Some(other) => match other.as_text() {
            Some(found) => Value::text(found.get(cut(&found)).unwrap_or_default().to_owned()),
            None => Value::Null,
        },
        None => Value::Null,
    }
}
