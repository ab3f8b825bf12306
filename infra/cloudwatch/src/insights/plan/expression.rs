//! From written expressions to compiled ones.

use std::sync::Arc;

use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use super::scope::{Found, Scope};
use super::stats::{self, Aggregate};
use super::{Plan, Subquery, Usage};
use crate::insights::ast::{self, CommandKind, ExprKind, Span};
use crate::insights::error::{Compiled, Fault};
use crate::insights::expr::{Arithmetic, Comparison, Expr};
use crate::insights::functions;
use crate::insights::period::Period;
use crate::insights::value::Value;

/// Bytes that a compiled regular expression may take.
const REGEX_BYTES: usize = 2 << 20;

/// Regular expressions in a query.
const MOST_REGEXES: usize = 50;

/// Branches of `case` (functions page).
const MOST_BRANCHES: usize = 10;

/// Functions that are compiled here.
const SPECIAL: [&str; 11] = [
    "bin",
    "datefloor",
    "dateceil",
    "now",
    "queryStartTime",
    "queryEndTime",
    "queryTimeRange",
    "coalesce",
    "if",
    "case",
    "regexReplace",
];

/// The text of the query and the names that can be seen.
pub(super) struct Compiler<'c> {
    pub(super) query: &'c str,
    pub(super) scope: &'c mut Scope,
    /// Inside `stats`: where aggregates go.
    pub(super) gather: Option<Gather<'c>>,
}

/// What `stats` gathers while its expressions are compiled.
pub(super) struct Gather<'c> {
    /// The names that the arguments of aggregates can see.
    pub(super) inner: &'c mut Scope,
    pub(super) aggregates: &'c mut Vec<Aggregate>,
    /// The slot of the first aggregate's value.
    pub(super) base: usize,
}

impl Compiler<'_> {
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Compiled<Expr> {
        let span = &expr.span;
        Ok(match &expr.kind {
            ExprKind::Name(name) => match self.scope.find(name) {
                Some(Found::Slot(slot)) => Expr::Slot(slot),
                Some(Found::Below(slot, path)) => Expr::Access(Box::new(Expr::Slot(slot)), path),
                None => return Err(unknown_symbol(span, &name.text())),
            },
            ExprKind::Text(text) => Expr::Const(Value::text(text.clone())),
            ExprKind::Number(number) => Expr::Const(Value::Number(*number)),
            ExprKind::Regex(_) => {
                return Err(Fault::new(span.clone(), "a regular expression stands only after like and =~"));
            }
            ExprKind::Period(_) => {
                return Err(Fault::new(span.clone(), "a period stands only in bin, datefloor and dateceil"));
            }
            ExprKind::Star => return Err(Fault::new(span.clone(), "'*' stands only in count(*)")),
            ExprKind::Call(name, args) => self.call(span, name, args)?,
            ExprKind::Not(inner) => Expr::Not(self.boxed(inner)?),
            ExprKind::Negate(inner) => Expr::Arithmetic(
                Arithmetic::Subtract,
                Box::new(Expr::Const(Value::Number(0.0))),
                self.boxed(inner)?,
            ),
            ExprKind::Binary(operator, left, right) => self.binary(operator, left, right)?,
            ExprKind::In { of, list, negated } => {
                let list = list.iter().map(|item| self.expr(item)).collect::<Compiled<_>>()?;
                Expr::In { of: self.boxed(of)?, list, negated: *negated }
            }
            ExprKind::InQuery { of, commands, negated } => self.subquery(span, of, commands, *negated)?,
            ExprKind::Like { of, pattern, negated } => self.like(of, pattern, *negated)?,
            ExprKind::Index(of, index) => self.below(of, index.to_string())?,
            ExprKind::Member(of, name) => self.below(of, name.clone())?,
        })
    }

    fn boxed(&mut self, expr: &ast::Expr) -> Compiled<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn binary(&mut self, operator: &str, left: &ast::Expr, right: &ast::Expr) -> Compiled<Expr> {
        let (left, right) = (self.boxed(left)?, self.boxed(right)?);
        Ok(if let Some(operation) = Arithmetic::named(operator) {
            Expr::Arithmetic(operation, left, right)
        } else if let Some(comparison) = Comparison::named(operator) {
            Expr::Compare(comparison, left, right)
        } else if operator == "or" {
            Expr::Or(left, right)
        } else {
            Expr::And(left, right)
        })
    }

    fn subquery(
        &mut self,
        span: &Span,
        of: &ast::Expr,
        commands: &[ast::Command],
        negated: bool,
    ) -> Compiled<Expr> {
        let refused = |message: &str| Err(Fault::new(span.clone(), message));
        if !matches!(commands.first().map(|command| &command.kind), Some(CommandKind::Source(_))) {
            return refused("a subquery begins with SOURCE and a log group");
        }
        let plan = Arc::new(Plan::new(self.query, commands)?);
        let written = self.query.get(of.span.clone()).unwrap_or_default().replace('`', "");
        let column = match plan.columns.as_slice() {
            [_] => 0,
            columns => match columns.iter().position(|(name, _)| *name == written) {
                Some(place) => place,
                None => return refused("the subquery must give one field, or one of the same name"),
            },
        };
        let of = self.boxed(of)?;
        let Some(subqueries) = &mut self.scope.subqueries else {
            return refused("a subquery stands only in filter");
        };
        subqueries.push(Subquery { plan, usage: Usage::Values(column) });
        Ok(Expr::InQuery { of, place: subqueries.len() - 1, negated })
    }

    fn like(&mut self, of: &ast::Expr, pattern: &ast::Expr, negated: bool) -> Compiled<Expr> {
        let of = self.boxed(of)?;
        Ok(match &pattern.kind {
            ExprKind::Regex(text) => {
                Expr::Matches { of, regex: Box::new(regex(self.scope, text, &pattern.span)?), negated }
            }
            ExprKind::Text(text) => {
                Expr::Contains { of, part: Box::new(Finder::new(text).into_owned()), negated }
            }
            _ => Expr::ContainsValue { of, part: self.boxed(pattern)?, negated },
        })
    }

    /// `a.b[0].c` of a field that is discovered is the field `a.b.0.c`.
    fn below(&mut self, of: &ast::Expr, step: String) -> Compiled<Expr> {
        if let Some(mut path) = path(of) {
            path.push(step);
            let name = crate::insights::lexer::Name { segments: path, quoted: true };
            return match self.scope.find(&name) {
                Some(Found::Slot(slot)) => Ok(Expr::Slot(slot)),
                Some(Found::Below(slot, path)) => Ok(Expr::Access(Box::new(Expr::Slot(slot)), path)),
                None => Err(unknown_symbol(&of.span, &name.text())),
            };
        }
        Ok(Expr::Access(self.boxed(of)?, vec![step]))
    }

    fn call(&mut self, span: &Span, name: &str, args: &[ast::Expr]) -> Compiled<Expr> {
        // After stats its columns can be named by their text.
        if let Some(slot) = self.scope.written(self.query.get(span.clone()).unwrap_or_default()) {
            return Ok(Expr::Slot(slot));
        }
        if let Some(gather) = &mut self.gather
            && let Some(aggregate) = stats::aggregate(self.query, gather.inner, span, name, args)?
        {
            let aggregate = aggregate.share(gather.aggregates);
            gather.aggregates.push(aggregate);
            return Ok(Expr::Slot(gather.base + gather.aggregates.len() - 1));
        }
        if let Some(found) = self.special(span, &name.to_lowercase(), args)? {
            return Ok(found);
        }
        let name_span = span.start..span.start + name.len();
        let Some(function) = functions::named(name) else {
            if stats::is_aggregate(name) {
                let message = format!("'{name}' gathers many events: it stands only in stats");
                return Err(Fault::new(name_span, message));
            }
            let known = functions::names().chain(SPECIAL).chain(stats::names());
            return Err(Fault::unknown(name_span, "function", name, known));
        };
        arity(span, name, args.len(), function.args)?;
        let args = args.iter().map(|arg| self.expr(arg)).collect::<Compiled<_>>()?;
        Ok(Expr::Call(function, args))
    }

    /// The functions that need more than their arguments' values.
    fn special(&mut self, span: &Span, name: &str, args: &[ast::Expr]) -> Compiled<Option<Expr>> {
        Ok(Some(match (name, args) {
            ("bin", [period]) => {
                let period = period_of(period)?;
                let Some(slot) = self.scope.field("@timestamp") else {
                    let message =
                        "bin() needs @timestamp, which is gone here; take dateceil or datefloor of a time";
                    return Err(Fault::new(span.clone(), message));
                };
                Expr::Floor(Box::new(Expr::Slot(slot)), period)
            }
            ("datefloor", [of, period]) => Expr::Floor(self.boxed(of)?, period_of(period)?),
            ("dateceil", [of, period]) => Expr::Ceil(self.boxed(of)?, period_of(period)?),
            ("now", []) => Expr::Now,
            ("querystarttime", []) => Expr::QueryStart,
            ("queryendtime", []) => Expr::QueryEnd,
            ("querytimerange", []) => Expr::QueryRange,
            ("coalesce", [_, ..]) => {
                Expr::Coalesce(args.iter().map(|arg| self.expr(arg)).collect::<Compiled<_>>()?)
            }
            ("if", [condition, yes, no]) => {
                let branch = (self.expr(condition)?, self.expr(yes)?);
                Expr::Case(vec![branch], Some(self.boxed(no)?))
            }
            ("case", [_, _, ..]) => self.case(span, args)?,
            ("regexreplace", [of, pattern, with]) => {
                let (ExprKind::Text(text) | ExprKind::Regex(text)) = &pattern.kind else {
                    return Err(Fault::new(pattern.span.clone(), "regexReplace needs its pattern in quotes"));
                };
                let regex = Box::new(regex(self.scope, text, &pattern.span)?);
                Expr::Replace { of: self.boxed(of)?, regex, with: self.boxed(with)? }
            }
            ("bin" | "if" | "now" | "querystarttime" | "queryendtime" | "querytimerange", _)
            | ("datefloor" | "dateceil" | "coalesce" | "case" | "regexreplace", _) => {
                return Err(Fault::new(span.clone(), format!("'{name}' has a wrong number of arguments")));
            }
            _ => return Ok(None),
        }))
    }

    fn case(&mut self, span: &Span, args: &[ast::Expr]) -> Compiled<Expr> {
        if args.len() / 2 > MOST_BRANCHES {
            return Err(Fault::new(span.clone(), "case takes at most 10 branches"));
        }
        let mut branches = Vec::new();
        let mut default = None;
        for pair in args.chunks(2) {
            match pair {
                [condition, value] => branches.push((self.expr(condition)?, self.expr(value)?)),
                [value] => default = Some(self.boxed(value)?),
                _ => {}
            }
        }
        Ok(Expr::Case(branches, default))
    }
}

/// The dotted path that an expression is, when it is nothing else.
fn path(expr: &ast::Expr) -> Option<Vec<String>> {
    let (of, step) = match &expr.kind {
        ExprKind::Name(name) => return Some(name.segments.clone()),
        ExprKind::Index(of, index) => (of, index.to_string()),
        ExprKind::Member(of, name) => (of, name.clone()),
        _ => return None,
    };
    let mut path = path(of)?;
    path.push(step);
    Some(path)
}

fn period_of(expr: &ast::Expr) -> Compiled<Period> {
    match expr.kind {
        ExprKind::Period(period) => Ok(period),
        _ => Err(Fault::new(expr.span.clone(), "a period of time such as 5m is expected here")),
    }
}

/// A compiled regular expression, of bounded size.
pub(super) fn regex(scope: &mut Scope, text: &str, span: &Span) -> Compiled<Regex> {
    if scope.regexes() > MOST_REGEXES {
        let message = format!("a query has at most {MOST_REGEXES} regular expressions here");
        return Err(Fault::new(span.clone(), message));
    }
    RegexBuilder::new(text).size_limit(REGEX_BYTES).build().map_err(|error| {
        let reason = match &error {
            regex::Error::Syntax(_) => {
                let text = error.to_string();
                text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
            }
            regex::Error::CompiledTooBig(_) => "it is too big".to_owned(),
            _ => error.to_string(),
        };
        Fault::new(span.clone(), format!("this regular expression cannot be used: {reason}"))
    })
}

pub(super) fn arity(span: &Span, name: &str, found: usize, (fewest, most): (usize, usize)) -> Compiled<()> {
    if (fewest..=most).contains(&found) {
        return Ok(());
    }
    let wanted = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
    Err(Fault::new(span.clone(), format!("'{name}' takes {wanted} arguments and was given {found}")))
}

pub(super) fn unknown_symbol(span: &Span, name: &str) -> Fault {
    Fault::new(span.clone(), format!("Unknown symbols found in or after stats: {name}"))
}
