//! One method a command.

use super::Parser;
use crate::insights::ast::{Alias, Command, CommandKind, Diff, Expr, Item, Span};
use crate::insights::error::{Compiled, Fault};
use crate::insights::lexer::Kind;

/// Commands by name, for "did you mean" and for what each error expects.
const COMMANDS: [&str; 34] = [
    "fields",
    "display",
    "filter",
    "where",
    "filterIndex",
    "stats",
    "sort",
    "order",
    "limit",
    "head",
    "tail",
    "dedup",
    "parse",
    "json",
    "pattern",
    "diff",
    "unnest",
    "expand",
    "SOURCE",
    "fillmissing",
    "filldown",
    "accum",
    "autoregress",
    "countFrequent",
    "count_frequent",
    "join",
    "appendcols",
    "lookup",
    "cidrlookup",
    "addtotals",
    "sessionize",
    "outlier",
    "relevantfields",
    "logcompare",
];

/// Commands of Logs Insights that are not built, and why.
const MISSING: [(&str, &str); 4] = [
    ("anomaly", "it needs AWS's model of the group's past"),
    ("search", "CloudWatch has no page about it"),
    ("estimate", "nothing is charged here"),
    ("unmask", "it is a function: fields unmask(@message)"),
];

/// The most terms that `autoregress` looks back.
const MOST_TERMS: usize = 100;

impl Parser<'_> {
    pub(super) fn command(&mut self) -> Compiled<Command> {
        let span = self.token.span.clone();
        let Some(word) = self.word().map(str::to_lowercase) else {
            return Err(self.unexpected("a command such as fields, filter, stats, parse, sort or limit"));
        };
        if let Some((name, why)) = MISSING.iter().find(|(name, _)| *name == word) {
            return Err(Fault::new(span, format!("the command '{name}' is not available here: {why}")));
        }
        if !COMMANDS.iter().any(|name| name.eq_ignore_ascii_case(&word)) {
            let known = COMMANDS.into_iter().chain(MISSING.iter().map(|(name, _)| *name));
            return Err(Fault::unknown(span, "command", &word, known));
        }
        self.advance()?;
        Ok(Command { kind: self.command_body(&word, &span)?, span })
    }

    fn command_body(&mut self, word: &str, span: &Span) -> Compiled<CommandKind> {
        Ok(match word {
            "source" => CommandKind::Source(self.source()?),
            "fields" => CommandKind::Fields(self.list(Self::loose_item)?),
            "display" => CommandKind::Display(self.list(Self::item)?),
            "filter" | "where" => CommandKind::Filter(self.expr()?),
            "filterindex" => CommandKind::FilterIndex(self.expr()?),
            "stats" => self.stats()?,
            "sort" | "order" => {
                self.take_word("by")?;
                CommandKind::Sort(self.list(Self::sort_item)?)
            }
            "limit" => {
                let any = self.take_word("any")?;
                CommandKind::Limit { count: self.count()?, any }
            }
            "head" => CommandKind::Limit { count: self.count()?, any: false },
            "tail" => CommandKind::Tail(self.count()?),
            "dedup" => CommandKind::Dedup(self.list(Self::field)?),
            "json" => CommandKind::Parse(self.json_field()?),
            "parse" => CommandKind::Parse(self.parse_command()?),
            "pattern" => CommandKind::Pattern(self.expr()?),
            "diff" => CommandKind::Diff(self.diff()?),
            "unnest" => {
                let list = self.expr()?;
                self.expect_word("into")?;
                CommandKind::Unnest { list, into: self.alias()? }
            }
            "expand" => CommandKind::Expand(self.field()?),
            "fillmissing" => self.fill_missing()?,
            "filldown" => self.fill_down()?,
            "accum" => {
                let of = self.field()?;
                CommandKind::Accum { of, alias: self.optional_alias()? }
            }
            "autoregress" => self.autoregress()?,
            "countfrequent" | "count_frequent" => CommandKind::CountFrequent(self.list(Self::field)?),
            _ => self.newer_body(word, span)?,
        })
    }

    fn newer_body(&mut self, word: &str, span: &Span) -> Compiled<CommandKind> {
        match word {
            "join" => self.join(),
            "appendcols" => self.append_cols(),
            "lookup" => self.lookup(),
            "cidrlookup" => self.cidr_lookup(),
            "addtotals" => self.add_totals(span),
            "sessionize" => self.sessionize(),
            "outlier" => self.outlier(),
            "relevantfields" => self.relevant_fields(),
            _ => {
                self.expect_word("timeshift")?;
                Ok(CommandKind::Diff(Diff::Shift(self.duration()?)))
            }
        }
    }

    fn stats(&mut self) -> Compiled<CommandKind> {
        let items = self.list(Self::item)?;
        // AWS's own samples of SnapStart write "group by" and "sort by".
        self.take_word("group")?;
        let by = if self.take_word("by")? { self.list(Self::item)? } else { Vec::new() };
        let start = self.token.span.start;
        let offset = if self.take_word("offset")? { Some(self.duration()?) } else { None };
        Ok(CommandKind::Stats { items, by, offset: offset.map(|ms| (ms, start..self.end)) })
    }

    fn sort_item(&mut self) -> Compiled<(Item, bool)> {
        let expr = self.expr()?;
        let before = self.optional_alias()?;
        let descending = self.is_word("desc");
        if descending || self.is_word("asc") {
            self.advance()?;
        }
        let alias = if before.is_none() { self.optional_alias()? } else { before };
        Ok((Item { expr, alias }, descending))
    }

    fn diff(&mut self) -> Compiled<Diff> {
        let which = match self.word().map(str::to_lowercase).as_deref() {
            Some("previousday") => Diff::Day,
            Some("previousweek") => Diff::Week,
            Some("previousmonth") => Diff::Month,
            Some(_) => return Err(self.unexpected("previousDay, previousWeek or previousMonth")),
            None => return Ok(Diff::Period),
        };
        self.advance()?;
        Ok(which)
    }

    fn fill_missing(&mut self) -> Compiled<CommandKind> {
        if !self.take_word("with")? {
            return Ok(CommandKind::FillMissing(Vec::new()));
        }
        let values = self.list(|parser| {
            let value = parser.expr()?;
            parser.expect_word("for")?;
            Ok((parser.alias()?, value))
        })?;
        Ok(CommandKind::FillMissing(values))
    }

    fn fill_down(&mut self) -> Compiled<CommandKind> {
        if !matches!(self.token.kind, Kind::Name(_)) && !self.is("*") {
            return Ok(CommandKind::FillDown(Vec::new()));
        }
        let mut names = Vec::new();
        loop {
            let mut alias = if self.is("*") {
                Alias { name: String::new(), span: self.token.span.clone() }
            } else {
                self.alias()?
            };
            if self.take("*")? {
                alias.name.push('*');
            }
            names.push(alias);
            let comma = self.take(",")?;
            if !comma && !matches!(self.token.kind, Kind::Name(_)) {
                return Ok(CommandKind::FillDown(names));
            }
        }
    }

    fn autoregress(&mut self) -> Compiled<CommandKind> {
        let of: Expr = self.field()?;
        let alias = self.optional_alias()?;
        let (mut from, mut to) = (1, 1);
        let span = self.token.span.clone();
        if self.take_word("p")? {
            self.expect("=")?;
            from = self.count()?;
            to = if self.take("-")? { self.count()? } else { from };
        }
        if from == 0 || to < from || to > MOST_TERMS {
            return Err(Fault::new(span.start..self.end, "p counts from 1, and goes up to 100 at most"));
        }
        Ok(CommandKind::AutoRegress { of, alias, from, to })
    }
}
