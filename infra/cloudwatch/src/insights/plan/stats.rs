//! `stats`: groups, aggregates, and expressions over both.

use super::expression::{Compiler, Gather, arity};
use super::scope::Scope;
use super::{Columns, Slot, column_name};
use crate::insights::ast::{self, ExprKind, Item, Span};
use crate::insights::error::{Compiled, Fault};
use crate::insights::expr::Expr;
use crate::insights::number::to_i64;

/// A compiled `stats`. Its rows have the groups, then the outputs, then the aggregates.
#[derive(Debug, Clone)]
pub(in crate::insights) struct StatsPlan {
    pub(in crate::insights) groups: Vec<Expr>,
    pub(in crate::insights) aggregates: Vec<Aggregate>,
    pub(in crate::insights) outputs: Vec<Expr>,
    /// The period of a `bin` among the groups, and the group's place.
    pub(in crate::insights) bin: Option<(Slot, crate::insights::period::Period)>,
}

/// One aggregate and what it is fed with.
#[derive(Debug, Clone)]
pub(in crate::insights) struct Aggregate {
    pub(in crate::insights) kind: AggregateKind,
    /// None for `count(*)`.
    pub(in crate::insights) of: Option<Expr>,
    /// The place of a percentile before this one over the same values, which keeps them for both.
    pub(in crate::insights) shares: Option<usize>,
    /// What is gathered, as it was written.
    written: String,
}

impl Aggregate {
    /// Looks for another percentile of the same values.
    pub(super) fn share(mut self, before: &[Self]) -> Self {
        let percentile = |kind| matches!(kind, AggregateKind::Percentile(_));
        if percentile(self.kind) {
            let same = |other: &Self| percentile(other.kind) && other.written == self.written;
            self.shares = before.iter().position(same);
        }
        self
    }
}

/// What is computed of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::insights) enum AggregateKind {
    Count,
    Sum,
    Average,
    Least,
    Greatest,
    Percentile(f64),
    Deviation,
    Variance,
    Distinct,
    Values,
    Top(usize),
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
    /// Change a period of so many milliseconds.
    Rate(i64),
    Histogram(usize),
}

/// Names of aggregates, without the kinds' numbers.
const NAMES: [(&str, AggregateKind); 23] = [
    ("count", AggregateKind::Count),
    ("countOverTime", AggregateKind::Count),
    ("sum", AggregateKind::Sum),
    ("sumOverTime", AggregateKind::Sum),
    ("avg", AggregateKind::Average),
    ("min", AggregateKind::Least),
    ("max", AggregateKind::Greatest),
    ("pct", AggregateKind::Percentile(0.0)),
    ("percentile", AggregateKind::Percentile(0.0)),
    ("stddev", AggregateKind::Deviation),
    ("variance", AggregateKind::Variance),
    ("countDistinct", AggregateKind::Distinct),
    ("count_distinct", AggregateKind::Distinct),
    ("values", AggregateKind::Values),
    ("collect_values", AggregateKind::Values),
    ("topk", AggregateKind::Top(0)),
    ("earliest", AggregateKind::Earliest),
    ("latest", AggregateKind::Latest),
    ("sortsFirst", AggregateKind::SortsFirst),
    ("sortsLast", AggregateKind::SortsLast),
    ("rate", AggregateKind::Rate(0)),
    ("histogram", AggregateKind::Histogram(0)),
    ("stdev", AggregateKind::Deviation),
];

/// Most values that `topk` gives (stats page).
const MOST_TOP: f64 = 10_000.0;

/// Most ranges of a `histogram`.
const MOST_RANGES: f64 = 1000.0;

pub(super) fn is_aggregate(name: &str) -> bool {
    kind_of(name).is_some()
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().map(|(name, _)| name)
}

fn kind_of(name: &str) -> Option<AggregateKind> {
    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
}

/// The aggregate that a call is; `None` when it is another function.
pub(super) fn aggregate(
    query: &str,
    scope: &mut Scope,
    span: &Span,
    name: &str,
    args: &[ast::Expr],
) -> Compiled<Option<Aggregate>> {
    let Some(mut kind) = kind_of(name) else { return Ok(None) };
    let count = matches!(kind, AggregateKind::Count);
    let star = matches!(args, [ast::Expr { kind: ExprKind::Star, .. }]);
    if count && (args.is_empty() || star) {
        return Ok(Some(Aggregate { kind, of: None, shares: None, written: String::new() }));
    }
    let two = match kind {
        AggregateKind::Percentile(_)
        | AggregateKind::Top(_)
        | AggregateKind::Rate(_)
        | AggregateKind::Histogram(_) => 2,
        _ => 1,
    };
    arity(span, name, args.len(), (two, two))?;
    let of = match (&mut kind, args) {
        (AggregateKind::Percentile(percent), [of, wanted]) => {
            *percent = literal(wanted, 0.0, 100.0, "a percentile from 0 to 100")?;
            of
        }
        (AggregateKind::Top(most), [wanted, of]) => {
            *most = whole(wanted, MOST_TOP, "a count from 1 to 10000")?;
            of
        }
        (AggregateKind::Histogram(ranges), [of, wanted]) => {
            *ranges = whole(wanted, MOST_RANGES, "a count of ranges from 1 to 1000")?;
            of
        }
        (AggregateKind::Rate(length), [of, ast::Expr { kind: ExprKind::Period(period), span }]) => {
            *length =
                period.fixed_ms().ok_or_else(|| Fault::new(span.clone(), "rate takes no calendar period"))?;
            of
        }
        (_, [of]) => of,
        _ => return Err(Fault::new(span.clone(), format!("'{name}' needs a field and a period such as 1m"))),
    };
    let written = query.get(of.span.clone()).unwrap_or_default().to_owned();
    let of = Compiler { query, scope, gather: None }.expr(of)?;
    Ok(Some(Aggregate { kind, of: Some(of), shares: None, written }))
}

fn literal(expr: &ast::Expr, least: f64, most: f64, what: &str) -> Compiled<f64> {
    match expr.kind {
        ExprKind::Number(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(Fault::new(expr.span.clone(), format!("{what} is expected here"))),
    }
}

fn whole(expr: &ast::Expr, most: f64, what: &str) -> Compiled<usize> {
    let value = literal(expr, 1.0, most, what)?;
    let count = to_i64(value).filter(|_| value.fract() == 0.0).and_then(|value| usize::try_from(value).ok());
    count.ok_or_else(|| Fault::new(expr.span.clone(), format!("{what} is expected here")))
}

/// A whole `stats`: the plan, the scope after it and its columns.
pub(super) fn compile(
    query: &str,
    before: &mut Scope,
    span: &Span,
    items: &[Item],
    by: &[Item],
) -> Compiled<(StatsPlan, Scope, Columns)> {
    let mut groups = Vec::new();
    let mut columns: Columns = Vec::new();
    let mut bin = None;
    for item in by {
        let slot = groups.len();
        let group = Compiler { query, scope: before, gather: None }.expr(&item.expr)?;
        if let (Expr::Floor(_, period), ExprKind::Call(..)) = (&group, &item.expr.kind) {
            bin = bin.or(Some((slot, *period)));
        }
        groups.push(group);
        name_column(query, &mut columns, item, slot)?;
    }
    let mut scope = Scope::rows(&columns, groups.len() + items.len());
    let base = groups.len() + items.len();
    let mut aggregates = Vec::new();
    let mut outputs = Vec::new();
    for item in items {
        let gather = Gather { inner: before, aggregates: &mut aggregates, base };
        let output = Compiler { query, scope: &mut scope, gather: Some(gather) }.expr(&item.expr)?;
        name_column(query, &mut columns, item, groups.len() + outputs.len())?;
        outputs.push(output);
        scope = Scope::rows(&columns, base);
    }
    check_top(span, &aggregates, !by.is_empty(), items.len())?;
    let width = base + aggregates.len();
    let scope = Scope::rows(&columns, width);
    Ok((StatsPlan { groups, aggregates, outputs, bin }, scope, columns))
}

fn check_top(span: &Span, aggregates: &[Aggregate], grouped: bool, outputs: usize) -> Compiled<()> {
    let top = aggregates.iter().any(|aggregate| matches!(aggregate.kind, AggregateKind::Top(_)));
    if top && (grouped || outputs > 1 || aggregates.len() > 1) {
        return Err(Fault::new(
            span.clone(),
            "topk stands alone: without 'by' and without another aggregate",
        ));
    }
    Ok(())
}

/// Adds a column; one that is written twice without a name is the same column.
fn name_column(query: &str, columns: &mut Columns, item: &Item, slot: Slot) -> Compiled<()> {
    let name = column_name(query, item);
    let known = columns.iter().any(|(known, _)| *known == name);
    match (&item.alias, known) {
        (Some(alias), true) => {
            let message = format!("'{name}' is defined twice; a name can be given once");
            Err(Fault::new(alias.span.clone(), message))
        }
        (None, true) => Ok(()),
        (_, false) => {
            columns.push((name, slot));
            Ok(())
        }
    }
}
