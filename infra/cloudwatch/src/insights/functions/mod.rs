//! Scalar functions (CloudWatch user guide, "Boolean, comparison, numeric, datetime, and other
//! functions"), one family a file. Those that need the query itself (`bin`, `now`, `case`, …) are
//! compiled in the plan.

mod datetime;
mod general;
mod hash;
mod ip;
mod json;
mod numeric;
mod string;
mod trim;

use super::value::Value;

/// One function.
#[derive(Debug)]
pub(super) struct Function {
    /// As CloudWatch writes it; queries may use any case.
    pub(super) name: &'static str,
    /// Fewest and most arguments.
    pub(super) args: (usize, usize),
    /// It wants to see missing values, maps and lists; the others then give nothing.
    pub(super) anything: bool,
    pub(super) run: Run,
}

type Run = for<'v> fn(&[Value<'v>]) -> Value<'v>;

/// Any number of arguments.
const MANY: usize = 1000;

/// The function of a name.
pub(super) fn named(name: &str) -> Option<&'static Function> {
    families().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// All names, for "did you mean".
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    families().map(|function| function.name)
}

fn families() -> impl Iterator<Item = &'static Function> {
    [
        numeric::FUNCTIONS,
        datetime::FUNCTIONS,
        general::FUNCTIONS,
        json::FUNCTIONS,
        ip::FUNCTIONS,
        string::FUNCTIONS,
        trim::FUNCTIONS,
        hash::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

const fn function(name: &'static str, fewest: usize, most: usize, run: Run) -> Function {
    Function { name, args: (fewest, most), anything: false, run }
}

const fn anything(name: &'static str, fewest: usize, most: usize, run: Run) -> Function {
    Function { name, args: (fewest, most), anything: true, run }
}

/// The text of an argument.
fn text<'v>(args: &'v [Value<'_>], place: usize) -> Option<std::borrow::Cow<'v, str>> {
    args.get(place)?.as_text()
}

/// The number of an argument.
fn number(args: &[Value<'_>], place: usize) -> Option<f64> {
    args.get(place)?.as_number()
}

/// A missing value where a step found none.
fn or_null(value: Option<Value<'_>>) -> Value<'_> {
    value.unwrap_or(Value::Null)
}

/// A copy of an argument.
fn value<'v>(args: &[Value<'v>], place: usize) -> Value<'v> {
    args.get(place).cloned().unwrap_or(Value::Null)
}
