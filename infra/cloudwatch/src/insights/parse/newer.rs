//! The commands of 2025 and 2026 that have options: `join`, `appendcols`, `lookup`, `addtotals`, …

use super::Parser;
use crate::insights::ast::{
    Alias, Command, CommandKind, Expr, ExprKind, Join, Lookup, LookupBy, Outlier, Span, Totals,
};
use crate::insights::error::{Compiled, Fault};
use crate::insights::lexer::{self, Kind, Name};
use crate::insights::period;

/// The pause that ends a session, when the query does not say (sessionize page).
const PAUSE_MS: i64 = 30 * 60_000;

/// Interquartile ranges, when the query does not say (outlier page).
const FACTOR: f64 = 2.5;

/// Rows of `appendcols`, when the query does not say, and at most (appendcols page).
const ROWS: (usize, usize) = (10_000, 100_000);

impl Parser<'_> {
    /// The next option of a command, `name=`, when there is one of these names. A field of the same
    /// name has no `=` behind it.
    fn option(&mut self, names: &[&'static str]) -> Compiled<Option<&'static str>> {
        let Some(name) = names.iter().copied().find(|name| self.is_word(&name.to_lowercase())) else {
            return Ok(None);
        };
        let next = lexer::token(self.query, self.token.span.end)?;
        if next.kind != Kind::Symbol("=") {
            return Ok(None);
        }
        self.advance()?;
        self.advance()?;
        Ok(Some(name))
    }

    fn truth(&mut self) -> Compiled<bool> {
        let truth = self.is_word("true");
        if truth || self.is_word("false") {
            self.advance()?;
            return Ok(truth);
        }
        Err(self.unexpected("true or false"))
    }

    /// A length of time such as `30m`, in milliseconds.
    pub(super) fn duration(&mut self) -> Compiled<i64> {
        let Kind::Period(count, unit) = &self.token.kind else {
            return Err(self.unexpected("a duration such as 30m"));
        };
        let Some(ms) = period::duration(*count, unit) else {
            let message = "a duration is a number of ms, s, m, h, d or w, up to a hundred years";
            return Err(Fault::new(self.token.span.clone(), message));
        };
        self.advance()?;
        Ok(ms)
    }

    /// `( SOURCE … | … )`: a query in a query, which itself has none.
    pub(super) fn inner_query(&mut self) -> Compiled<Vec<Command>> {
        let open = self.token.span.clone();
        self.expect("(")?;
        if self.inner {
            return Err(Fault::new(open, "a subquery cannot be inside another one"));
        }
        let (depth, links) = (std::mem::take(&mut self.depth), std::mem::take(&mut self.links));
        self.inner = true;
        let commands = self.pipeline();
        self.inner = false;
        (self.depth, self.links) = (depth, links);
        let commands = commands?;
        self.expect(")")?;
        Ok(commands)
    }

    /// `join type=left left=a right=b where a.k=b.k (SOURCE 'group')`
    pub(super) fn join(&mut self) -> Compiled<CommandKind> {
        let (mut outer, mut left, mut right) = (false, None, None);
        while let Some(option) = self.option(&["type", "left", "right"])? {
            let span = self.token.span.clone();
            let value = self.alias()?.name;
            match option {
                "left" => left = Some(value),
                "right" => right = Some(value),
                _ => {
                    outer = match value.to_lowercase().as_str() {
                        "inner" => false,
                        "left" => true,
                        _ => return Err(Fault::new(span, "the type of a join is 'inner' or 'left'")),
                    }
                }
            }
        }
        let (Some(left), Some(right)) = (left, right) else {
            return Err(self.unexpected("left=… and right=…, the names of both sides"));
        };
        self.expect_word("where")?;
        let start = self.token.span.start;
        let one = self.side()?;
        self.expect("=")?;
        let other = self.side()?;
        let sides = [(one.0.as_str(), other.0.as_str()), (other.0.as_str(), one.0.as_str())];
        let (left_key, right_key) = match sides.map(|side| side == (left.as_str(), right.as_str())) {
            _ if left == right => return Err(Fault::new(start..self.end, "both sides have one name")),
            [true, _] => (one.1, other.1),
            [_, true] => (other.1, one.1),
            _ => {
                let message = format!("a join compares '{left}.…' with '{right}.…'");
                return Err(Fault::new(start..self.end, message));
            }
        };
        let commands = self.inner_query()?;
        Ok(CommandKind::Join(Join { outer, left, right, left_key, right_key, commands }))
    }

    /// `api.requestId`: the side's name, and the field as an expression.
    fn side(&mut self) -> Compiled<(String, Expr)> {
        let Kind::Name(Name { segments, .. }) = &self.token.kind else {
            return Err(self.unexpected("a field of one side, such as api.requestId"));
        };
        let Some((side, field @ [_, ..])) = segments.split_first() else {
            return Err(self.unexpected("a field of one side, such as api.requestId"));
        };
        let name = Name { segments: field.to_vec(), quoted: true };
        let side = side.clone();
        let span = self.advance()?.span;
        Ok((side, Expr { kind: ExprKind::Name(name), span }))
    }

    /// `appendcols override=true max=100 (SOURCE 'group' | …)`
    pub(super) fn append_cols(&mut self) -> Compiled<CommandKind> {
        let (mut replace, mut most) = (false, ROWS.0);
        while let Some(option) = self.option(&["override", "max"])? {
            if option == "override" {
                replace = self.truth()?;
                continue;
            }
            let span = self.token.span.clone();
            most = self.count()?;
            if !(1..=ROWS.1).contains(&most) {
                return Err(Fault::new(span, "max counts from 1 to 100000"));
            }
        }
        Ok(CommandKind::AppendCols { replace, most, commands: self.inner_query()? })
    }

    /// `lookup table column as field, … OUTPUT column, …`
    pub(super) fn lookup(&mut self) -> Compiled<CommandKind> {
        let table = self.alias()?;
        let by = self.list(|parser| {
            let column = parser.alias()?;
            let field = if parser.take_word("as")? { parser.field()? } else { named(&column) };
            Ok((column, field))
        })?;
        let fill = self.output()?;
        let outputs = self.list(|parser| {
            let column = parser.alias()?;
            Ok((column.clone(), column))
        })?;
        Ok(CommandKind::Lookup(Lookup { table, by: LookupBy::Equal(by), outputs, fill }))
    }

    /// `cidrlookup table address AS column OUTPUT column AS name, …`
    pub(super) fn cidr_lookup(&mut self) -> Compiled<CommandKind> {
        let table = self.alias()?;
        let address = self.field()?;
        let by = LookupBy::Range(self.optional_alias()?, address);
        let fill = self.output()?;
        let outputs = self.list(|parser| {
            let column = parser.alias()?;
            let name = parser.optional_alias()?.unwrap_or_else(|| column.clone());
            Ok((column, name))
        })?;
        Ok(CommandKind::Lookup(Lookup { table, by, outputs, fill }))
    }

    /// True for `OUTPUTNEW`.
    fn output(&mut self) -> Compiled<bool> {
        let fill = self.take_word("outputnew")?;
        if !fill && !self.take_word("output")? {
            return Err(self.unexpected("OUTPUT or OUTPUTNEW"));
        }
        Ok(fill)
    }

    /// `addtotals fieldname=Sum row=true col=true a, b`
    pub(super) fn add_totals(&mut self, span: &Span) -> Compiled<CommandKind> {
        let mut totals = Totals {
            name: Alias { name: "Total".to_owned(), span: span.clone() },
            row: true,
            col: false,
            fields: Vec::new(),
        };
        while let Some(option) = self.option(&["fieldname", "row", "col"])? {
            match option {
                "fieldname" => totals.name = self.alias()?,
                "row" => totals.row = self.truth()?,
                _ => totals.col = self.truth()?,
            }
        }
        if matches!(self.token.kind, Kind::Name(_)) {
            totals.fields = self.list(Self::field)?;
        }
        Ok(CommandKind::AddTotals(totals))
    }

    /// `sessionize user, device maxspan 1h as session`
    pub(super) fn sessionize(&mut self) -> Compiled<CommandKind> {
        let of = self.list(Self::field)?;
        let pause = if self.take_word("maxspan")? { self.duration()? } else { PAUSE_MS };
        Ok(CommandKind::Sessionize { of, pause, alias: self.optional_alias()? })
    }

    /// `outlier action=remove param=3.0 uselower=true mark=true cpu memory`
    pub(super) fn outlier(&mut self) -> Compiled<CommandKind> {
        let mut outlier =
            Outlier { remove: false, factor: FACTOR, lower: false, mark: false, fields: Vec::new() };
        while let Some(option) = self.option(&["action", "param", "uselower", "mark"])? {
            match option {
                "uselower" => outlier.lower = self.truth()?,
                "mark" => outlier.mark = self.truth()?,
                "param" => outlier.factor = self.factor()?,
                _ if self.take_word("remove")? => outlier.remove = true,
                _ if self.take_word("transform")? => outlier.remove = false,
                _ => return Err(self.unexpected("remove or transform")),
            }
        }
        outlier.fields.push(self.field()?);
        while matches!(self.token.kind, Kind::Name(_)) {
            outlier.fields.push(self.field()?);
        }
        Ok(CommandKind::Outlier(outlier))
    }

    fn factor(&mut self) -> Compiled<f64> {
        match self.token.kind {
            Kind::Number(value) => {
                self.advance()?;
                Ok(value)
            }
            _ => Err(self.unexpected("a number")),
        }
    }

    /// `relevantfields a, b where condition`
    pub(super) fn relevant_fields(&mut self) -> Compiled<CommandKind> {
        let fields = if self.is_word("where") { Vec::new() } else { self.list(Self::field)? };
        self.expect_word("where")?;
        Ok(CommandKind::RelevantFields { fields, condition: self.expr()? })
    }
}

/// The field that has the name of a column.
fn named(column: &Alias) -> Expr {
    let segments = column.name.split('.').map(str::to_owned).collect();
    Expr { kind: ExprKind::Name(Name { segments, quoted: true }), span: column.span.clone() }
}
