//! A text that every wanted message has: looking for it is many times faster than reading fields.

use memchr::memmem::Finder;

use super::{Slot, Step};
use crate::insights::expr::{Comparison, Expr};
use crate::insights::number;
use crate::insights::value::Value;

/// The text.
#[derive(Debug, Clone)]
pub(in crate::insights) struct Prefilter {
    part: Finder<'static>,
    /// The text may also be there in JSON's `\u` escapes.
    escapable: bool,
}

impl Prefilter {
    /// From the filters among `steps`; `message` is the slot of `@message`, `found` those of
    /// fields that are found in it.
    pub(super) fn new(steps: &[Step], message: Option<Slot>, found: &[Slot]) -> Option<Self> {
        let filters = steps.iter().filter_map(|step| match step {
            Step::Filter(expr) => Some(expr),
            _ => None,
        });
        filters.filter_map(|expr| Self::of(expr, message, found)).max_by_key(|best| best.part.needle().len())
    }

    fn of(expr: &Expr, message: Option<Slot>, found: &[Slot]) -> Option<Self> {
        match expr {
            Expr::And(left, right) => [left, right]
                .into_iter()
                .filter_map(|side| Self::of(side, message, found))
                .max_by_key(|best| best.part.needle().len()),
            Expr::Contains { of, part, negated: false } => match of.as_ref() {
                Expr::Slot(slot) if Some(*slot) == message => {
                    Some(Self { part: part.as_ref().clone(), escapable: false })
                }
                Expr::Slot(slot) if found.contains(slot) => {
                    Self::field(std::str::from_utf8(part.needle()).ok()?)
                }
                _ => None,
            },
            Expr::Compare(Comparison::Equal, left, right) => match (left.as_ref(), right.as_ref()) {
                (Expr::Slot(slot), Expr::Const(Value::Text(text)))
                | (Expr::Const(Value::Text(text)), Expr::Slot(slot))
                    if found.contains(slot) && number::parse(text).is_none() =>
                {
                    Self::field(text)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// For text in a field. A character that JSON writes in another way would not be found.
    fn field(text: &str) -> Option<Self> {
        let plain = |found: char| !found.is_control() && !matches!(found, '"' | '\\' | '/');
        (!text.is_empty() && text.chars().all(plain))
            .then(|| Self { part: Finder::new(text).into_owned(), escapable: true })
    }

    /// Whether the query may want this message.
    pub(in crate::insights) fn admits(&self, message: &str) -> bool {
        self.part.find(message.as_bytes()).is_some() || (self.escapable && message.contains("\\u"))
    }
}
