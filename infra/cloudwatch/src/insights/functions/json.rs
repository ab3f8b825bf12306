//! JSON in text.

use std::sync::Arc;

use super::{Function, anything, function, or_null, text};
use crate::insights::number::from_usize;
use crate::insights::tree::Tree;
use crate::insights::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("jsonParse", 1, 1, |args| or_null(parse(args).map(|tree| Value::Tree(Arc::new(tree))))),
    anything("jsonStringify", 1, 1, |args| match args.first() {
        Some(Value::Tree(tree)) => Value::text(tree.to_json()),
        _ => Value::Null,
    }),
    anything("jsonArraySize", 1, 1, |args| {
        or_null(with_list(args, |items| Value::Number(from_usize(items.len()))))
    }),
    anything("jsonArrayContains", 2, 2, |args| {
        let wanted = text(args, 1);
        let found = with_list(args, |items| {
            Value::truth(items.iter().any(|item| wanted.is_some() && item.to_value().as_text() == wanted))
        });
        found.unwrap_or(Value::truth(false))
    }),
];

fn parse(args: &[Value<'_>]) -> Option<Tree> {
    Tree::parse(&text(args, 0)?)
}

/// The items of a list, or of a text that is a JSON array.
fn with_list(args: &[Value<'_>], then: impl FnOnce(&[Tree]) -> Value<'static>) -> Option<Value<'static>> {
    let parsed;
    let tree = match args.first()? {
        Value::Tree(tree) => tree.as_ref(),
        _ => {
            parsed = parse(args)?;
            &parsed
        }
    };
    match tree {
        Tree::List(items) => Some(then(items)),
        Tree::Map(_) | Tree::Text(_) | Tree::Word(_) => None,
    }
}
