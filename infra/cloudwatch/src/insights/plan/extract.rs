//! `parse`, compiled.

use regex::Regex;

use super::Slot;
use super::expression::{Compiler, regex};
use super::scope::Scope;
use crate::insights::ast::{Alias, Parse, ParseBy, Span};
use crate::insights::error::{Compiled, Fault};
use crate::insights::expr::Expr;

/// What is read, and how.
#[derive(Debug)]
pub(in crate::insights) struct Extract {
    pub(in crate::insights) of: Expr,
    pub(in crate::insights) way: Way,
}

/// The ways of `parse`, with the slots of what they find.
#[derive(Debug)]
pub(in crate::insights) enum Way {
    /// The literal texts around the stars: one more than slots.
    Glob {
        literals: Vec<String>,
        slots: Vec<Slot>,
    },
    Regex {
        regex: Box<Regex>,
        groups: Vec<(usize, Slot)>,
        multi: bool,
    },
    Logfmt(Slot),
    Csv(Vec<Slot>),
    Json(Vec<String>, Slot),
}

/// A compiled `parse` and the columns that it makes.
pub(super) fn compile(
    query: &str,
    scope: &mut Scope,
    span: &Span,
    parse: &Parse,
) -> Compiled<(Extract, Vec<(String, Slot)>)> {
    let of = match &parse.of {
        Some(expr) => Compiler { query, scope, gather: None }.expr(expr)?,
        None => match scope.field("@message") {
            Some(slot) => Expr::Slot(slot),
            None => return Err(Fault::new(span.clone(), "parse must name a field here: @message is gone")),
        },
    };
    let mut made = Vec::new();
    let mut define = |scope: &mut Scope, alias: &Alias| -> Compiled<Slot> {
        let slot = scope.define(alias)?;
        made.push((alias.name.clone(), slot));
        Ok(slot)
    };
    let aliases = &parse.aliases;
    let way = match &parse.by {
        ParseBy::Regex { pattern, span, multi } => {
            let regex = regex(scope, pattern, span)?;
            let mut groups = Vec::new();
            for (group, alias) in named(&regex, aliases, span)? {
                groups.push((group, define(scope, &alias)?));
            }
            Way::Regex { regex: Box::new(regex), groups, multi: *multi }
        }
        other => {
            let slots = aliases.iter().map(|alias| define(scope, alias)).collect::<Compiled<Vec<_>>>()?;
            let first = slots.first().copied().unwrap_or_default();
            match other {
                ParseBy::Glob(pattern, _) => {
                    Way::Glob { literals: pattern.split('*').map(str::to_owned).collect(), slots }
                }
                ParseBy::Logfmt => Way::Logfmt(first),
                ParseBy::Json(path) => Way::Json(path.split('.').map(str::to_owned).collect(), first),
                ParseBy::Csv | ParseBy::Regex { .. } => Way::Csv(slots),
            }
        }
    };
    Ok((Extract { of, way }, made))
}

/// Groups and their names: those of the pattern, or those after `as` when it names none.
fn named(regex: &Regex, aliases: &[Alias], span: &Span) -> Compiled<Vec<(usize, Alias)>> {
    let inside: Vec<(usize, Alias)> = regex
        .capture_names()
        .enumerate()
        .filter_map(|(group, name)| Some((group, Alias { name: name?.to_owned(), span: span.clone() })))
        .collect();
    let groups = regex.captures_len() - 1;
    let same = || inside.iter().zip(aliases).all(|((_, name), alias)| name.name == alias.name);
    if inside.is_empty() && aliases.len() == groups && groups > 0 {
        return Ok((1..).zip(aliases.iter().cloned()).collect());
    }
    if !inside.is_empty() && (aliases.is_empty() || (aliases.len() == inside.len() && same())) {
        return Ok(inside);
    }
    let message = if groups == 0 {
        "the regular expression has no group to take a field from".to_owned()
    } else {
        format!("the regular expression has {groups} groups and {} names after 'as'", aliases.len())
    };
    Err(Fault::new(span.clone(), message))
}
