//! One command after another, with what each may follow.

use super::expression::Compiler;
use super::relations::Open;
use super::scope::{Joined, Scope};
use super::{
    Columns, Plan, Prefilter, RowsPlan, Segment, Sink, Slot, Step, Subquery, Take, Transform, column_name,
    extract, stats,
};
use crate::insights::ast::{self, Alias, Command, CommandKind, Diff, ExprKind, Item, Span};
use crate::insights::discover::{GROUP, Scan};
use crate::insights::error::{Compiled, Fault};
use crate::insights::expr::Expr;
use crate::insights::functions;
use crate::insights::lookup::Wanted;
use crate::insights::period::Period;
use crate::insights::source::Source;
use crate::insights::value::Value;

/// `stats` in a query (stats page).
const MOST_STATS: usize = 10;

/// Rows that `limit` may ask for (limit page).
const MOST_ROWS: usize = 100_000;

/// Commands in a query.
const MOST_COMMANDS: usize = 100;

/// What the commands so far have made.
pub(super) struct Builder<'q> {
    pub(super) query: &'q str,
    pub(super) scope: Scope,
    sources: Vec<Source>,
    pub(super) segments: Vec<Segment>,
    pub(super) steps: Vec<Step>,
    rows: RowsPlan,
    /// What `fields`, `parse` and the like have named, in order.
    pub(super) shown: Columns,
    /// `fields` or a gathering command said which columns there are.
    pub(super) explicit: bool,
    pub(super) display: Option<Columns>,
    /// The last `sort`, `limit` or `dedup`.
    ordered: Option<Span>,
    /// How much of the order is that of the rows before.
    kept: usize,
    limited: bool,
    stats: usize,
    /// The bin and the groups of the last `stats`.
    bin: Option<(Slot, Period)>,
    groups: Vec<Slot>,
    /// What is read from events: known once no events are left.
    scanned: Option<(Vec<(String, Slot)>, usize)>,
    diff: Option<Diff>,
    pub(super) offset: i64,
    pub(super) subqueries: Vec<Subquery>,
    pub(super) lookups: Vec<Wanted>,
    /// The `join`, and its sides once its rows are gathered.
    pub(super) open: Option<Box<Open<'q>>>,
    pub(super) joined: Option<Box<Joined>>,
    /// Where the pointers of events are kept over commands on all rows.
    pointer: Option<Slot>,
}

pub(super) fn build(query: &str, commands: &[Command]) -> Compiled<Plan> {
    let mut builder = Builder::new(query);
    builder.add_all(commands)?;
    builder.finish()
}

impl<'q> Builder<'q> {
    pub(super) fn new(query: &'q str) -> Self {
        Self {
            query,
            scope: Scope::events(),
            sources: Vec::new(),
            segments: Vec::new(),
            steps: Vec::new(),
            rows: RowsPlan::default(),
            shown: Vec::new(),
            explicit: false,
            display: None,
            ordered: None,
            kept: 0,
            limited: false,
            stats: 0,
            bin: None,
            groups: Vec::new(),
            scanned: None,
            diff: None,
            offset: 0,
            subqueries: Vec::new(),
            lookups: Vec::new(),
            open: None,
            joined: None,
            pointer: None,
        }
    }

    /// The commands of a query.
    pub(super) fn add_all(&mut self, commands: &[Command]) -> Compiled<()> {
        if let Some(extra) = commands.get(MOST_COMMANDS) {
            return Err(Fault::new(extra.span.clone(), "a query has at most 100 commands here"));
        }
        commands.iter().enumerate().try_for_each(|(place, command)| self.add(place, command))
    }

    fn add(&mut self, place: usize, command: &Command) -> Compiled<()> {
        let span = &command.span;
        let limit = matches!(command.kind, CommandKind::Limit { .. } | CommandKind::Tail(_));
        if self.rows.dedup.is_some() && !limit {
            return Err(Fault::new(span.clone(), "only limit may come after dedup"));
        }
        match &command.kind {
            CommandKind::Source(source) => self.source(place, span, source)?,
            CommandKind::Fields(items) => self.fields(items)?,
            CommandKind::Display(items) => self.display(items)?,
            CommandKind::Filter(expr) => {
                self.scope.subqueries = Some(std::mem::take(&mut self.subqueries));
                let filter = self.expr(expr)?;
                self.subqueries = self.scope.subqueries.take().unwrap_or_default();
                self.steps.push(Step::Filter(filter));
            }
            CommandKind::FilterIndex(expr) => self.filter_index(expr)?,
            CommandKind::Stats { items, by, offset } => self.stats(span, items, by, offset.as_ref())?,
            CommandKind::Sort(items) => self.sort(span, items)?,
            CommandKind::Limit { count, any } => {
                self.limit(span, *count, if *any { Take::Any(*count) } else { Take::First(*count) })?;
            }
            CommandKind::Tail(count) => self.limit(span, *count, Take::Last(*count))?,
            CommandKind::Dedup(fields) => {
                let slots = fields.iter().map(|field| self.slot_of(field)).collect::<Compiled<Vec<_>>>()?;
                self.rows.dedup = Some(slots);
                self.ordered = Some(span.clone());
            }
            CommandKind::Parse(parse) => {
                let (extract, made) = extract::compile(self.query, &mut self.scope, span, parse)?;
                self.steps.push(Step::Extract(extract));
                self.shown.extend(made);
            }
            CommandKind::Pattern(of) => self.pattern(span, of)?,
            CommandKind::Diff(which) => self.diff(span, *which)?,
            CommandKind::Unnest { list, into } => {
                let list = self.expr(list)?;
                self.unnest(list, into)?;
            }
            CommandKind::Expand(of) => self.expand(of)?,
            CommandKind::FillMissing(values) => self.fill_missing(span, values)?,
            CommandKind::FillDown(names) => self.fill_down(names)?,
            CommandKind::Accum { of, alias } => {
                let (of, into) = self.derived(of, alias.as_ref(), "accum_", "")?;
                self.close(Transform::Accumulate { of, into });
            }
            CommandKind::AutoRegress { of, alias, from, to } => {
                for by in *from..=*to {
                    let alias = if from == to { alias.as_ref() } else { None };
                    let (of, into) = self.derived(of, alias, "", &format!("_p{by}"))?;
                    self.close(Transform::Lag { of, by, into });
                }
            }
            CommandKind::CountFrequent(fields) => self.count_frequent(span, fields)?,
            newer => self.add_newer(span, newer)?,
        }
        Ok(())
    }

    fn add_newer(&mut self, span: &Span, command: &CommandKind) -> Compiled<()> {
        match command {
            CommandKind::Join(join) => self.join(span, join),
            CommandKind::AppendCols { replace, most, commands } => {
                self.append_cols(span, *replace, *most, commands)
            }
            CommandKind::Lookup(lookup) => self.lookup(span, lookup),
            CommandKind::AddTotals(totals) => self.add_totals(span, totals),
            CommandKind::Sessionize { of, pause, alias } => self.sessionize(span, of, *pause, alias.as_ref()),
            CommandKind::Outlier(outlier) => self.outlier(outlier),
            CommandKind::RelevantFields { fields, condition } => {
                self.relevant_fields(span, fields, condition)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Compiled<Expr> {
        Compiler { query: self.query, scope: &mut self.scope, gather: None }.expr(expr)
    }

    /// The slot of an expression's value; one that is no name gets a slot of its own.
    pub(super) fn slot_of(&mut self, expr: &ast::Expr) -> Compiled<Slot> {
        Ok(match self.expr(expr)? {
            Expr::Slot(slot) => slot,
            other => {
                let slot = self.scope.slot();
                self.steps.push(Step::Let(slot, other));
                slot
            }
        })
    }

    fn source(&mut self, place: usize, span: &Span, source: &Source) -> Compiled<()> {
        if place != self.sources.len() {
            return Err(Fault::new(span.clone(), "SOURCE stands only at the start of a query"));
        }
        self.sources.push(source.clone());
        Ok(())
    }

    fn fields(&mut self, items: &[Item]) -> Compiled<()> {
        self.explicit = true;
        for item in items {
            let column = self.column(item)?;
            if !self.shown.iter().any(|(name, _)| *name == column.0) {
                self.shown.push(column);
            }
        }
        Ok(())
    }

    fn display(&mut self, items: &[Item]) -> Compiled<()> {
        let mut columns: Columns = Vec::new();
        for item in items {
            let column = self.column(item)?;
            if !columns.iter().any(|(name, _)| *name == column.0) {
                columns.push(column);
            }
        }
        self.display = Some(columns);
        Ok(())
    }

    fn column(&mut self, item: &Item) -> Compiled<(String, Slot)> {
        let name = column_name(self.query, item);
        let slot = match &item.alias {
            None => self.slot_of(&item.expr)?,
            Some(alias) => {
                let value = self.expr(&item.expr)?;
                let slot = self.scope.define(alias)?;
                self.steps.push(Step::Let(slot, value));
                slot
            }
        };
        Ok((name, slot))
    }

    /// Here every field counts as indexed.
    fn filter_index(&mut self, expr: &ast::Expr) -> Compiled<()> {
        let name = |expr: &ast::Expr| matches!(expr.kind, ExprKind::Name(_));
        let indexed = match &expr.kind {
            ExprKind::Binary("=", left, _) => name(left),
            ExprKind::In { of, negated: false, .. } => name(of),
            _ => false,
        };
        if !indexed {
            return Err(Fault::new(
                expr.span.clone(),
                "filterIndex takes 'field = value' or 'field in [values]'",
            ));
        }
        let filter = self.expr(expr)?;
        self.steps.push(Step::Filter(filter));
        Ok(())
    }

    fn sort(&mut self, span: &Span, items: &[(Item, bool)]) -> Compiled<()> {
        let mut order = Vec::new();
        for (item, descending) in items {
            let (_, slot) = self.column(item)?;
            order.push((slot, *descending));
        }
        // Rows that this order leaves equal keep the order before it.
        order.append(&mut self.rows.order);
        self.rows.order = order;
        self.ordered = Some(span.clone());
        Ok(())
    }

    fn limit(&mut self, span: &Span, count: usize, take: Take) -> Compiled<()> {
        if !(1..=MOST_ROWS).contains(&count) {
            return Err(Fault::new(span.clone(), format!("a limit counts from 1 to {MOST_ROWS}")));
        }
        self.rows.take = take;
        self.limited = true;
        self.ordered = Some(span.clone());
        self.end_rows();
        Ok(())
    }

    /// Gathers the rows so far. Their order is kept for what comes.
    pub(super) fn end_rows(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        self.rows.order.clone_from(&rows.order);
        self.kept = rows.order.len();
        let steps = std::mem::take(&mut self.steps);
        self.segments.push(Segment { steps, sink: Sink::Rows(rows), transforms: Vec::new() });
    }

    /// Puts a command on all rows behind the rows so far.
    pub(super) fn close(&mut self, transform: Transform) {
        let idle = self.steps.is_empty() && self.rows.order.len() == self.kept;
        let sorted = matches!(self.segments.last(), Some(Segment { sink: Sink::Rows(_), .. }));
        if !(idle && sorted) {
            self.end_rows();
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.transforms.push(transform);
        }
        // From here on the order is that of the rows themselves, however their values change.
        self.rows.order.clear();
        self.kept = 0;
        if self.scope.has_events() && self.pointer.is_none() {
            self.pointer = Some(self.scope.slot());
        }
    }

    pub(super) fn gathered(&self, span: &Span, name: &str) -> Compiled<()> {
        match &self.ordered {
            Some(before) => {
                let what = self.query.get(before.clone()).unwrap_or_default();
                Err(Fault::new(before.clone(), format!("'{what}' must come after the last {name}")))
            }
            None if self.stats >= MOST_STATS => {
                Err(Fault::new(span.clone(), "a query has at most 10 stats commands"))
            }
            None => Ok(()),
        }
    }

    fn stats(
        &mut self,
        span: &Span,
        items: &[Item],
        by: &[Item],
        offset: Option<&(i64, Span)>,
    ) -> Compiled<()> {
        self.gathered(span, "stats")?;
        self.stats += 1;
        let (mut plan, scope, columns) = stats::compile(self.query, &mut self.scope, span, items, by)?;
        if let Some(offset) = offset {
            self.shift(&mut plan, offset.clone())?;
        }
        self.bin = plan.bin;
        self.groups = (0..plan.groups.len()).collect();
        self.gather(Sink::Stats(plan), scope, columns);
        Ok(())
    }

    /// Ends the rows so far with a sink that makes its own.
    pub(super) fn gather(&mut self, sink: Sink, scope: Scope, columns: Columns) {
        let mut before = std::mem::replace(&mut self.scope, scope);
        self.joined = self.joined.take().or_else(|| before.joined.take());
        if before.has_events() {
            self.scanned = Some((before.fields().to_vec(), before.width()));
        }
        let steps = std::mem::take(&mut self.steps);
        self.segments.push(Segment { steps, sink, transforms: Vec::new() });
        self.rows = RowsPlan::default();
        self.kept = 0;
        self.shown = columns;
        self.display = None;
        self.explicit = true;
    }

    fn pattern(&mut self, span: &Span, of: &ast::Expr) -> Compiled<()> {
        self.gathered(span, "pattern")?;
        if !self.scope.has_events() {
            return Err(Fault::new(span.clone(), "pattern needs events: it cannot follow stats or pattern"));
        }
        let of = self.expr(of)?;
        self.end_with_pattern(of);
        Ok(())
    }

    fn end_with_pattern(&mut self, of: Expr) {
        let names = ["@pattern", "@ratio", "@sampleCount", "@severityLabel"];
        let columns: Columns =
            names.into_iter().enumerate().map(|(slot, name)| (name.to_owned(), slot)).collect();
        let scope = Scope::rows(&columns, columns.len());
        self.bin = None;
        self.gather(Sink::Pattern(of), scope, columns);
    }

    fn diff(&mut self, span: &Span, which: Diff) -> Compiled<()> {
        let patterns = matches!(self.segments.as_slice(), [Segment { sink: Sink::Pattern(_), .. }]);
        if self.segments.is_empty() {
            self.gathered(span, "diff")?;
            if let Some(slot) = self.scope.field("@message") {
                self.end_with_pattern(Expr::Slot(slot));
            }
        } else if !patterns || !self.steps.is_empty() || self.ordered.is_some() || self.diff.is_some() {
            return Err(Fault::new(span.clone(), "diff stands right after pattern, once"));
        }
        for name in ["@differenceEventCount", "@differenceDescription"] {
            let slot = self.scope.define(&Alias { name: name.to_owned(), span: span.clone() })?;
            self.shown.push((name.to_owned(), slot));
        }
        self.diff = Some(which);
        Ok(())
    }

    /// `expand f` puts each item of `f` in its place: of a list, or of a text that is one. A field
    /// of an event is discovered by its leaves only, so its list is read from the message.
    fn expand(&mut self, of: &ast::Expr) -> Compiled<()> {
        let name = column_name(self.query, &Item { expr: of.clone(), alias: None });
        let value = self.expr(of)?;
        let parse = |value: Expr| functions::named("jsonParse").map(|parse| Expr::Call(parse, vec![value]));
        let mut choices: Vec<Expr> = parse(value.clone()).into_iter().collect();
        if let Some(slot) = self.scope.column(&name) {
            choices.push(value);
            self.steps.push(Step::Unnest(Expr::Coalesce(choices), slot));
            return Ok(());
        }
        if let (Expr::Slot(_), Some(message)) = (&value, self.scope.field("@message")) {
            let path = name.split('.').map(str::to_owned).collect();
            choices.extend(parse(Expr::Slot(message)).map(|whole| Expr::Access(Box::new(whole), path)));
        }
        choices.push(value);
        self.unnest(Expr::Coalesce(choices), &Alias { name, span: of.span.clone() })
    }

    fn unnest(&mut self, list: Expr, into: &Alias) -> Compiled<()> {
        let slot = self.scope.define(into)?;
        self.steps.push(Step::Unnest(list, slot));
        self.shown.push((into.name.clone(), slot));
        Ok(())
    }

    fn fill_missing(&mut self, span: &Span, values: &[(Alias, ast::Expr)]) -> Compiled<()> {
        let Some((bin, period)) = self.bin.take() else {
            return Err(Fault::new(span.clone(), "fillmissing stands after 'stats … by bin(…)'"));
        };
        let mut filled = Vec::new();
        for (alias, value) in values {
            let Some(slot) = self.scope.column(&alias.name) else {
                return Err(super::expression::unknown_symbol(&alias.span, &alias.name));
            };
            filled.push((slot, self.expr(value)?));
        }
        let groups: Vec<Slot> = self.groups.iter().copied().filter(|slot| *slot != bin).collect();
        for (_, slot) in &self.shown {
            if *slot != bin && !groups.contains(slot) && !filled.iter().any(|(known, _)| known == slot) {
                filled.push((*slot, Expr::Const(Value::Number(0.0))));
            }
        }
        self.close(Transform::FillMissing { bin, period, groups, values: filled });
        Ok(())
    }

    fn fill_down(&mut self, names: &[Alias]) -> Compiled<()> {
        let mut slots = Vec::new();
        for alias in names {
            match alias.name.strip_suffix('*') {
                Some(start) => {
                    slots.extend(
                        self.shown.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, slot)| *slot),
                    );
                }
                None => match self.scope.column(&alias.name).or_else(|| self.scope.field(&alias.name)) {
                    Some(slot) => slots.push(slot),
                    None => return Err(super::expression::unknown_symbol(&alias.span, &alias.name)),
                },
            }
        }
        if names.is_empty() {
            slots = self.shown.iter().map(|(_, slot)| *slot).collect();
        }
        self.close(Transform::FillDown(slots));
        Ok(())
    }

    /// A column that is made from another one, named after it.
    fn derived(
        &mut self,
        of: &ast::Expr,
        alias: Option<&Alias>,
        before: &str,
        after: &str,
    ) -> Compiled<(Slot, Slot)> {
        let written = column_name(self.query, &Item { expr: of.clone(), alias: None });
        let alias = alias
            .cloned()
            .unwrap_or_else(|| Alias { name: format!("{before}{written}{after}"), span: of.span.clone() });
        let of = self.slot_of(of)?;
        let into = self.scope.define(&alias)?;
        self.shown.push((alias.name, into));
        Ok((of, into))
    }

    /// `countFrequent a, b` is a count by both, the most frequent first.
    fn count_frequent(&mut self, span: &Span, fields: &[ast::Expr]) -> Compiled<()> {
        let count = Item {
            expr: ast::Expr { kind: ExprKind::Call("count".to_owned(), Vec::new()), span: span.clone() },
            alias: Some(Alias { name: "_approxcount".to_owned(), span: span.clone() }),
        };
        let by: Vec<Item> = fields.iter().map(|expr| Item { expr: expr.clone(), alias: None }).collect();
        self.stats(span, &[count], &by, None)?;
        self.bin = None;
        if let Some(slot) = self.scope.column("_approxcount") {
            self.rows.order = vec![(slot, true)];
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Compiled<Plan> {
        let mut pointer = None;
        if self.scope.has_events() {
            if !self.explicit && self.display.is_none() {
                for name in ["@message", "@timestamp"] {
                    if let Some(slot) = self.scope.field(name) {
                        self.shown.insert(0, (name.to_owned(), slot));
                    }
                }
                self.show_right();
            }
            pointer = self.scope.field(GROUP);
        }
        self.end_join()?;
        let sorted = self.rows.order.len() != self.kept;
        let open = !self.steps.is_empty() || sorted || self.rows.dedup.is_some();
        if open || self.segments.is_empty() {
            self.end_rows();
        }
        let (fields, width) =
            self.scanned.unwrap_or_else(|| (self.scope.fields().to_vec(), self.scope.width()));
        let message = fields.iter().find(|(name, _)| name == "@message").map(|(_, slot)| *slot);
        let found: Vec<Slot> =
            fields.iter().filter(|(name, _)| Scan::is_of_message(name)).map(|(_, slot)| *slot).collect();
        let first = self.segments.first().map(|segment| segment.steps.as_slice()).unwrap_or_default();
        Ok(Plan {
            prefilter: Prefilter::new(first, message, &found),
            sources: self.sources,
            scan: Scan::new(&fields),
            width,
            segments: self.segments,
            columns: self.display.unwrap_or(self.shown),
            pointer,
            kept_pointer: self.pointer,
            limited: self.limited,
            diff: self.diff,
            offset: self.offset,
            subqueries: self.subqueries,
            lookups: self.lookups,
        })
    }
}
