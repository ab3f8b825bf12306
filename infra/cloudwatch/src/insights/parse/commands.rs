//! One method a command.

use super::Parser;
use crate::insights::ast::{Alias, Command, CommandKind, Diff, Expr, Item, Source};
use crate::insights::error::{Compiled, Fault};
use crate::insights::lexer::Kind;

/// Commands by name, for "did you mean" and for what each error expects.
const COMMANDS: [&str; 25] = [
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
];

/// Commands of Logs Insights that are not built, and why or instead of what.
const MISSING: [(&str, &str); 13] = [
    ("anomaly", "it needs AWS's model of the group's past"),
    ("search", "CloudWatch has no page about it"),
    ("estimate", "nothing is charged here"),
    ("relevantfields", ""),
    ("lookup", ""),
    ("cidrlookup", ""),
    ("join", ""),
    ("addtotals", ""),
    ("logcompare", ""),
    ("outlier", ""),
    ("appendcols", ""),
    ("sessionize", ""),
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
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            return Err(Fault::new(span, format!("the command '{name}' is not available here{why}")));
        }
        if !COMMANDS.iter().any(|name| name.eq_ignore_ascii_case(&word)) {
            let known = COMMANDS.into_iter().chain(MISSING.iter().map(|(name, _)| *name));
            return Err(Fault::unknown(span, "command", &word, known));
        }
        self.advance()?;
        Ok(Command { kind: self.command_body(&word)?, span })
    }

    fn command_body(&mut self, word: &str) -> Compiled<CommandKind> {
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
            _ => CommandKind::CountFrequent(self.list(Self::field)?),
        })
    }

    fn stats(&mut self) -> Compiled<CommandKind> {
        let items = self.list(Self::item)?;
        // AWS's own samples of SnapStart write "group by" and "sort by".
        self.take_word("group")?;
        let by = if self.take_word("by")? { self.list(Self::item)? } else { Vec::new() };
        if self.is_word("offset") {
            let span = self.token.span.clone();
            return Err(Fault::new(span, "'offset' of stats is not available here"));
        }
        Ok(CommandKind::Stats { items, by })
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

    fn source(&mut self) -> Compiled<Source> {
        if let Kind::Text(name) = &self.token.kind {
            let name = name.clone();
            self.advance()?;
            return Ok(Source::Group(name));
        }
        let span = self.token.span.clone();
        match self.word().map(str::to_lowercase).as_deref() {
            Some("loggroups") => {}
            Some("datasource") => return Err(Fault::new(span, "dataSource is not available here")),
            _ => return Err(self.unexpected("a log group in quotes or logGroups(…)")),
        }
        self.advance()?;
        self.expect("(")?;
        let prefixes = self.log_groups()?;
        self.expect(")")?;
        Ok(Source::Prefixes(prefixes))
    }

    /// `namePrefix: ['a', 'b']`; the other selections need an organisation of accounts.
    fn log_groups(&mut self) -> Compiled<Vec<String>> {
        let span = self.token.span.clone();
        if !self.is_word("namePrefix") {
            return Err(Fault::new(span, "logGroups is available here with namePrefix only"));
        }
        // The lexer has no colon: this is the only place of the language that has one.
        let rest = self.query.get(span.end..).unwrap_or_default();
        let after = rest.trim_start();
        if !after.starts_with(':') {
            return Err(Fault::new(span, "namePrefix needs a ':' and a list of prefixes"));
        }
        self.jump(span.end + rest.len() - after.len() + 1)?;
        self.expect("[")?;
        let at = self.token.span.clone();
        let prefixes = self.list(|parser| Ok(parser.text("a prefix in quotes")?.0))?;
        self.expect("]")?;
        if prefixes.len() > 5 {
            return Err(Fault::new(at.start..self.end, "namePrefix takes at most 5 prefixes"));
        }
        Ok(prefixes)
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
