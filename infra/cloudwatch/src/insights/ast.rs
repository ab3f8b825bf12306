//! What was written: commands and expressions with the bytes that they stand on.

use std::ops::Range;

use super::lexer::Name;
use super::period::Period;
use super::source::Source;

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
        /// Milliseconds by which the bins are shifted, and the bytes of that.
        offset: Option<(i64, Span)>,
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
    Join(Join),
    /// `appendcols`: may columns that are there be replaced, rows at most, the other query.
    AppendCols {
        replace: bool,
        most: usize,
        commands: Vec<Command>,
    },
    Lookup(Lookup),
    AddTotals(Totals),
    /// `sessionize`: what tells who it is, and the longest pause in milliseconds.
    Sessionize {
        of: Vec<Expr>,
        pause: i64,
        alias: Option<Alias>,
    },
    Outlier(Outlier),
    /// `relevantfields`: the fields, none for all; and the condition.
    RelevantFields {
        fields: Vec<Expr>,
        condition: Expr,
    },
}

/// `join`: the rows of another query, by one field of each side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Join {
    /// Rows without a partner stay (`type=left`).
    pub(super) outer: bool,
    pub(super) left: String,
    pub(super) right: String,
    pub(super) left_key: Expr,
    pub(super) right_key: Expr,
    pub(super) commands: Vec<Command>,
}

/// `lookup` and `cidrlookup`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lookup {
    pub(super) table: Alias,
    pub(super) by: LookupBy,
    /// Columns of the table, and the names that they get.
    pub(super) outputs: Vec<(Alias, Alias)>,
    /// Only what is missing is filled (`OUTPUTNEW`).
    pub(super) fill: bool,
}

/// How a row of a lookup table is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LookupBy {
    /// Columns and the values that they must have.
    Equal(Vec<(Alias, Expr)>),
    /// The column of ranges, when it is named, and the address.
    Range(Option<Alias>, Expr),
}

/// `addtotals`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Totals {
    /// The column of the rows' totals.
    pub(super) name: Alias,
    pub(super) row: bool,
    pub(super) col: bool,
    /// None is all columns.
    pub(super) fields: Vec<Expr>,
}

/// `outlier`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outlier {
    pub(super) remove: bool,
    /// Interquartile ranges beyond the quartile that are still no outlier.
    pub(super) factor: f64,
    pub(super) lower: bool,
    pub(super) mark: bool,
    pub(super) fields: Vec<Expr>,
}

/// The window that `diff` and `logcompare` compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Diff {
    Period,
    Day,
    Week,
    Month,
    /// So many milliseconds earlier.
    Shift(i64),
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
