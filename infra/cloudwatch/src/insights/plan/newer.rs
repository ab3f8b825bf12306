//! Commands over many rows: `addtotals`, `sessionize`, `outlier`, `relevantfields`, and the shift
//! of `stats … offset`.

use super::builder::Builder;
use super::{
    Columns, OutlierPlan, RelevancePlan, Scope, Sink, Slot, StatsPlan, Step, Transform, column_name,
};
use crate::insights::ast::{self, Alias, ExprKind, Item, Span};
use crate::insights::discover::GROUP;
use crate::insights::error::{Compiled, Fault};
use crate::insights::expr::{Arithmetic, Expr};
use crate::insights::number::from_i64;
use crate::insights::value::Value;

impl Builder<'_> {
    pub(super) fn add_totals(&mut self, span: &Span, totals: &ast::Totals) -> Compiled<()> {
        let mut of = totals.fields.iter().map(|field| self.slot_of(field)).collect::<Compiled<Vec<_>>>()?;
        if of.is_empty() {
            let columns = self.display.as_ref().unwrap_or(&self.shown);
            of = columns.iter().map(|(_, slot)| *slot).collect();
        }
        if of.is_empty() {
            let message = "addtotals needs columns before it, such as those of fields, or their names";
            return Err(Fault::new(span.clone(), message));
        }
        if totals.row {
            let into = self.scope.define(&totals.name)?;
            self.steps.push(Step::Total(of.clone(), into));
            self.show(&totals.name.name, into);
            of.push(into);
        }
        if totals.col {
            self.close(Transform::Totals(of));
        }
        Ok(())
    }

    /// Adds a column to those that are shown, also where `display` has said which those are.
    pub(super) fn show(&mut self, name: &str, slot: Slot) {
        self.shown.push((name.to_owned(), slot));
        if let Some(display) = &mut self.display {
            display.push((name.to_owned(), slot));
        }
    }

    pub(super) fn sessionize(
        &mut self,
        span: &Span,
        of: &[ast::Expr],
        pause: i64,
        alias: Option<&Alias>,
    ) -> Compiled<()> {
        let of = of.iter().map(|field| self.slot_of(field)).collect::<Compiled<Vec<_>>>()?;
        let time = self.scope.column("@timestamp").or_else(|| self.scope.field("@timestamp"));
        let Some(time) = time else {
            return Err(Fault::new(span.clone(), "sessionize needs @timestamp, which is gone here"));
        };
        let name = Alias { name: "session_id".to_owned(), span: span.clone() };
        let alias = alias.unwrap_or(&name);
        let into = self.scope.define(alias)?;
        self.show(&alias.name, into);
        self.close(Transform::Sessions { of, time, pause, into });
        Ok(())
    }

    /// A field of an event that is clamped is a column from then on.
    pub(super) fn outlier(&mut self, outlier: &ast::Outlier) -> Compiled<()> {
        let mut fields = Vec::new();
        for field in &outlier.fields {
            let name = column_name(self.query, &Item { expr: field.clone(), alias: None });
            let alias = Alias { name, span: field.span.clone() };
            let slot = self.write_to(&alias)?;
            let mark = if outlier.mark {
                let mark = Alias { name: format!("{}_outlier", alias.name), span: alias.span };
                let into = self.scope.define(&mark)?;
                self.show(&mark.name, into);
                Some(into)
            } else {
                None
            };
            fields.push((slot, mark));
        }
        let ast::Outlier { remove, factor, lower, .. } = *outlier;
        self.close(Transform::Outliers(OutlierPlan { remove, factor, lower, fields }));
        Ok(())
    }

    pub(super) fn relevant_fields(
        &mut self,
        span: &Span,
        fields: &[ast::Expr],
        condition: &ast::Expr,
    ) -> Compiled<()> {
        self.gathered(span, "relevantfields")?;
        let all = fields.is_empty();
        let mut of: Columns = Vec::new();
        for field in fields {
            let name = column_name(self.query, &Item { expr: field.clone(), alias: None });
            of.push((name, self.slot_of(field)?));
        }
        let condition_plan = self.expr(condition)?;
        let mut except = Vec::new();
        names(condition, &mut except);
        if all {
            let given = self.scope.columns().filter(|(name, _)| !except.iter().any(|other| other == name));
            of = given.map(|(name, slot)| (name.to_owned(), slot)).collect();
        }
        let discovered = if all { self.scope.field(GROUP).zip(self.scope.field("@message")) } else { None };
        if of.is_empty() && discovered.is_none() {
            return Err(Fault::new(span.clone(), "no field is left for relevantfields to look at"));
        }
        let names = [
            "@fieldName",
            "@relevanceScore",
            "@topRelevanceContributors",
            "@conditionalMedian",
            "@baselineMedian",
        ];
        let columns: Columns =
            names.into_iter().enumerate().map(|(slot, name)| (name.to_owned(), slot)).collect();
        let scope = Scope::rows(&columns, columns.len());
        let plan = RelevancePlan { condition: condition_plan, fields: of, discovered, except };
        self.gather(Sink::Relevance(plan), scope, columns);
        Ok(())
    }

    /// `stats … by bin(5m) offset 1h`: the bins' time is so much later than the events' own, and
    /// earlier events are read.
    pub(super) fn shift(&mut self, plan: &mut StatsPlan, (ms, span): (i64, Span)) -> Compiled<()> {
        let event_time = self.scope.field("@timestamp");
        let refused = Fault::new(span, "offset stands after 'by bin(…)' of the first stats");
        let Some((place, period)) = plan.bin else { return Err(refused) };
        let Some(group) = plan.groups.get_mut(place) else { return Err(refused) };
        let time = match group {
            Expr::Floor(time, _) if matches!(**time, Expr::Slot(slot) if Some(slot) == event_time) => time,
            _ => return Err(refused),
        };
        let later = Expr::Arithmetic(
            Arithmetic::Add,
            time.clone(),
            Box::new(Expr::Const(Value::Number(from_i64(ms)))),
        );
        *group = Expr::Floor(Box::new(later), period);
        self.offset = ms;
        Ok(())
    }
}

/// The fields that an expression names.
fn names(expr: &ast::Expr, found: &mut Vec<String>) {
    match &expr.kind {
        ExprKind::Name(name) => found.push(name.text()),
        ExprKind::Call(_, args) => args.iter().for_each(|arg| names(arg, found)),
        ExprKind::Not(of) | ExprKind::Negate(of) => names(of, found),
        ExprKind::Binary(_, left, right) | ExprKind::Like { of: left, pattern: right, .. } => {
            names(left, found);
            names(right, found);
        }
        ExprKind::In { of, list, .. } => {
            names(of, found);
            list.iter().for_each(|item| names(item, found));
        }
        ExprKind::InQuery { of, .. } => names(of, found),
        ExprKind::Index(of, step) => below(of, &step.to_string(), found),
        ExprKind::Member(of, step) => below(of, step, found),
        ExprKind::Text(_)
        | ExprKind::Number(_)
        | ExprKind::Regex(_)
        | ExprKind::Period(_)
        | ExprKind::Star => {}
    }
}

/// `a[0].b` is the field `a.0.b`.
fn below(of: &ast::Expr, step: &str, found: &mut Vec<String>) {
    let mut inner = Vec::new();
    names(of, &mut inner);
    found.extend(inner.into_iter().map(|name| format!("{name}.{step}")));
}
