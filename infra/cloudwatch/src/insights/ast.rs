//! What was written: commands and expressions with the bytes that they stand on.

use std::ops::Range;

use super::lexer::Name;
use super::period::Period;

/// Bytes of the query.
pub(super) type Span = Range<usize>;

/// An expression as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    pub(super) span: Span,
}

/// The shapes of expressions.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ExprKind {
    Name(Name),
    Text(String),
    Number(f64),
    Regex(String),
    Period(Period),
    /// The `*` of `count(*)`.
    Star,
    /// The function's name as written.
    Call(String, Vec<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `f in [..]`; negated for `not in`.
    In {
        of: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    /// `f in (subquery)`; negated for `not in`.
    InQuery {
        of: Box<Expr>,
        commands: Vec<Command>,
        negated: bool,
    },
    /// `f like x`, `f =~ x`; negated for `not like`.
    Like {
        of: Box<Expr>,
        pattern: Box<Expr>,
        negated: bool,
    },
    /// `list[0]`
    Index(Box<Expr>, usize),
    /// `list[0].name`
    Member(Box<Expr>, String),
}

/// An expression and the name that it is given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) expr: Expr,
    pub(super) alias: Option<Alias>,
}

/// A name that the query gives to something.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alias {
    pub(super) name: String,
    pub(super) span: Span,
}

/// A command and the bytes of its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) kind: CommandKind,
    pub(super) span: Span,
}

/// The commands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CommandKind {
    Source(Source),
    Fields(Vec<Item>),
    Display(Vec<Item>),
    Filter(Expr),
    FilterIndex(Expr),
    Stats {
        items: Vec<Item>,
        by: Vec<Item>,
    },
    Sort(Vec<(Item, bool)>),
    Limit {
        count: usize,
        any: bool,
    },
    Tail(usize),
    Dedup(Vec<Expr>),
    Parse(Parse),
    Pattern(Expr),
    Diff(Diff),
    Unnest {
        list: Expr,
        into: Alias,
    },
    Expand(Expr),
    /// `fillmissing`, and the value for each column that is not to be 0.
    FillMissing(Vec<(Alias, Expr)>),
    /// `filldown`, and the columns (`*` at the end stands for any rest); none is all.
    FillDown(Vec<Alias>),
    Accum {
        of: Expr,
        alias: Option<Alias>,
    },
    AutoRegress {
        of: Expr,
        alias: Option<Alias>,
        from: usize,
        to: usize,
    },
    CountFrequent(Vec<Expr>),
}

/// Where the events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One log group by its name.
    Group(String),
    /// Every group whose name begins with one of these.
    Prefixes(Vec<String>),
}

/// The window that `diff` compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Diff {
    Period,
    Day,
    Week,
    Month,
}

/// `parse`: what is read and how.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parse {
    /// `@message` when the query names nothing.
    pub(super) of: Option<Expr>,
    pub(super) by: ParseBy,
    pub(super) aliases: Vec<Alias>,
}

/// The ways of `parse`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ParseBy {
    /// The pattern with its stars, and the bytes that it stands on.
    Glob(String, Span),
    Regex {
        pattern: String,
        span: Span,
        multi: bool,
    },
    Logfmt,
    Csv,
    /// The path that `json field=…` reads.
    Json(String),
}
