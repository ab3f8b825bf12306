//! Compiled expressions: names have become slots of a row, constants are ready.

use std::sync::Arc;

use memchr::memmem::Finder;
use regex::Regex;

use super::Range;
use super::compare;
use super::functions::Function;
use super::lookup::Index;
use super::period::Period;
use super::relation::Answer;
use super::value::Value;

/// What is constant while a query runs.
#[derive(Debug, Clone)]
pub(super) struct Context {
    /// Epoch seconds when the query started.
    pub(super) now: f64,
    /// The window's first millisecond.
    pub(super) start: i64,
    /// The window's last millisecond.
    pub(super) end: i64,
    /// The window that `diff` compares with: all of it, though it may reach into the query's own.
    pub(super) baseline: Option<Range>,
    /// What each subquery gave.
    pub(super) answers: Vec<Option<Arc<Answer>>>,
    /// The lookup tables, as the query looks into them.
    pub(super) tables: Vec<Arc<Index>>,
}

/// An expression over the slots of a row.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Const(Value<'static>),
    Slot(usize),
    /// Into a map or a list.
    Access(Box<Self>, Vec<String>),
    Call(&'static Function, Vec<Self>),
    Coalesce(Vec<Self>),
    /// Conditions with their values, and the default.
    Case(Vec<(Self, Self)>, Option<Box<Self>>),
    Arithmetic(Arithmetic, Box<Self>, Box<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    In {
        of: Box<Self>,
        list: Vec<Self>,
        negated: bool,
    },
    /// `in (subquery)`: the subquery's place.
    InQuery {
        of: Box<Self>,
        place: usize,
        negated: bool,
    },
    /// `like "text"` with a constant.
    Contains {
        of: Box<Self>,
        part: Box<Finder<'static>>,
        negated: bool,
    },
    /// `like` with an expression.
    ContainsValue {
        of: Box<Self>,
        part: Box<Self>,
        negated: bool,
    },
    Matches {
        of: Box<Self>,
        regex: Box<Regex>,
        negated: bool,
    },
    Replace {
        of: Box<Self>,
        regex: Box<Regex>,
        with: Box<Self>,
    },
    Floor(Box<Self>, Period),
    Ceil(Box<Self>, Period),
    Now,
    QueryStart,
    QueryEnd,
    QueryRange,
}

/// `+ - * / ^ %`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Remainder,
}

/// `= != < <= > >=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expr {
    /// Its value over a row. What is found in the row or in the query is lent.
    pub(super) fn eval<'v>(&'v self, row: &'v [Value<'_>], context: &Context) -> Value<'v> {
        let eval = |expr: &'v Self| expr.eval(row, context);
        match self {
            Self::Const(value) => value.lend(),
            Self::Slot(slot) => row.get(*slot).map_or(Value::Null, Value::lend),
            Self::Access(of, path) => access(&eval(of), path),
            Self::Call(function, args) => call(function, args, row, context),
            Self::Coalesce(args) => {
                args.iter().map(eval).find(|value| !value.is_null()).unwrap_or(Value::Null)
            }
            Self::Case(branches, default) => branches
                .iter()
                .find(|(condition, _)| eval(condition).is_true())
                .map(|(_, value)| eval(value))
                .or_else(|| default.as_deref().map(eval))
                .unwrap_or(Value::Null),
            Self::Arithmetic(operation, left, right) => {
                let (left, right) = (eval(left).as_number(), eval(right).as_number());
                Value::number(left.zip(right).map(|(left, right)| operation.apply(left, right)))
            }
            Self::Floor(of, period) => time(eval(of).as_time().and_then(|ms| period.floor(ms))),
            Self::Ceil(of, period) => time(eval(of).as_time().and_then(|ms| period.ceil(ms))),
            Self::Replace { of, regex, with } => replace(&eval(of), regex, &eval(with)),
            Self::Now => Value::Number(context.now),
            Self::QueryStart => Value::Number(super::number::from_i64(context.start)),
            Self::QueryEnd => Value::Number(super::number::from_i64(context.end)),
            Self::QueryRange => {
                Value::Number(super::number::from_i64(context.end.saturating_sub(context.start)))
            }
            _ => Value::truth(self.test(row, context)),
        }
    }

    /// Whether a filter lets the row through.
    pub(super) fn test(&self, row: &[Value<'_>], context: &Context) -> bool {
        match self {
            Self::And(left, right) => left.test(row, context) && right.test(row, context),
            Self::Or(left, right) => left.test(row, context) || right.test(row, context),
            Self::Not(inner) => !inner.test(row, context),
            Self::Compare(comparison, left, right) => {
                compare::holds(*comparison, &left.eval(row, context), &right.eval(row, context))
            }
            Self::In { of, list, negated } => {
                let of = of.eval(row, context);
                let found = || list.iter().any(|item| compare::equal(&of, &item.eval(row, context)));
                !matches!(of, Value::Null | Value::Tree(_)) && found() != *negated
            }
            Self::InQuery { of, place, negated } => {
                let answer = context.answers.get(*place).and_then(Option::as_deref);
                let of = of.eval(row, context);
                of.as_text().zip(answer).is_some_and(|(text, answer)| answer.has(&text) != *negated)
            }
            Self::Contains { of, part, negated } => {
                let of = of.eval(row, context);
                of.as_text().is_some_and(|text| part.find(text.as_bytes()).is_some() != *negated)
            }
            Self::ContainsValue { of, part, negated } => {
                let (of, part) = (of.eval(row, context), part.eval(row, context));
                let texts = of.as_text().zip(part.as_text());
                texts.is_some_and(|(text, part)| text.contains(part.as_ref()) != *negated)
            }
            Self::Matches { of, regex, negated } => {
                let of = of.eval(row, context);
                of.as_text().is_some_and(|text| regex.is_match(&text) != *negated)
            }
            other => other.eval(row, context).is_true(),
        }
    }
}

fn time(ms: Option<i64>) -> Value<'static> {
    ms.map_or(Value::Null, Value::Time)
}

fn access(of: &Value<'_>, path: &[String]) -> Value<'static> {
    match of {
        Value::Tree(tree) => tree.at(path).map_or(Value::Null, super::tree::Tree::to_value),
        _ => Value::Null,
    }
}

/// A function of a missing value, a map or a list gives nothing, unless it asks for them.
fn call<'v>(
    function: &'static Function,
    args: &'v [Expr],
    row: &'v [Value<'_>],
    context: &Context,
) -> Value<'v> {
    let values: Vec<Value<'v>> = args.iter().map(|arg| arg.eval(row, context)).collect();
    let blind = values.iter().any(|value| matches!(value, Value::Null | Value::Tree(_)));
    if blind && !function.anything { Value::Null } else { (function.run)(&values) }
}

fn replace<'v>(of: &Value<'v>, regex: &Regex, with: &Value<'_>) -> Value<'v> {
    match (of.as_text(), with.as_text()) {
        (Some(text), Some(with)) => Value::text(regex.replace_all(&text, with.as_ref()).into_owned()),
        _ => Value::Null,
    }
}

impl Arithmetic {
    pub(super) fn named(operator: &str) -> Option<Self> {
        Some(match operator {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "^" => Self::Power,
            "%" => Self::Remainder,
            _ => return None,
        })
    }

    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Power => left.powf(right),
            Self::Remainder => left % right,
        }
    }
}

impl Comparison {
    pub(super) fn named(operator: &str) -> Option<Self> {
        Some(match operator {
            "=" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }
}
