//! Which names a command can see, and the slots of the row that they stand for.

use super::{Slot, Subquery};
use crate::insights::ast::Alias;
use crate::insights::error::{Compiled, Fault};
use crate::insights::lexer::Name;

/// The names after some command.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// Names that the query gave, or that a command before made.
    columns: Vec<Column>,
    /// Fields of events that the query names; `None` after a command that leaves no events.
    fields: Option<Vec<(String, Slot)>>,
    width: usize,
    regexes: usize,
    /// The query's subqueries so far; `None` where none may stand.
    pub(super) subqueries: Option<Vec<Subquery>>,
    /// The sides of a `join`.
    pub(super) joined: Option<Box<Joined>>,
}

/// After a `join`, names that begin with a side's name are fields of that side.
#[derive(Debug, Clone)]
pub(super) struct Joined {
    pub(super) left: String,
    pub(super) right: String,
    /// What the right side's query can see at its end.
    pub(super) scope: Scope,
    /// Slots of the right side's rows that the query wants, and where they go.
    pub(super) wanted: Vec<(Slot, Slot)>,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    slot: Slot,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Slot(Slot),
    /// Below a map or a list.
    Below(Slot, Vec<String>),
}

impl Scope {
    /// Of a query's start: every name may be a field of an event.
    pub(super) fn events() -> Self {
        Self { fields: Some(Vec::new()), ..Self::default() }
    }

    /// After a command that makes rows of its own.
    pub(super) fn rows(columns: &[(String, Slot)], width: usize) -> Self {
        let columns = columns.iter().map(|(name, slot)| Column { name: name.clone(), slot: *slot }).collect();
        Self { columns, width, ..Self::default() }
    }

    pub(super) fn has_events(&self) -> bool {
        self.fields.is_some()
    }

    /// The fields of events that were named.
    pub(super) fn fields(&self) -> &[(String, Slot)] {
        self.fields.as_deref().unwrap_or_default()
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Counts one more regular expression.
    pub(super) fn regexes(&mut self) -> usize {
        self.regexes += 1;
        self.regexes
    }

    /// A slot without a name.
    pub(super) fn slot(&mut self) -> Slot {
        self.width += 1;
        self.width - 1
    }

    /// A name that the query gives. It may hide an event's field, and no other given name.
    pub(super) fn define(&mut self, alias: &Alias) -> Compiled<Slot> {
        if self.columns.iter().any(|column| column.name == alias.name) {
            let message = format!("'{}' is defined twice; a name can be given once", alias.name);
            return Err(Fault::new(alias.span.clone(), message));
        }
        let slot = self.slot();
        self.columns.push(Column { name: alias.name.clone(), slot });
        Ok(slot)
    }

    /// The column of this name, and no field of an event.
    pub(super) fn column(&self, name: &str) -> Option<Slot> {
        self.columns.iter().find(|column| column.name == name).map(|column| column.slot)
    }

    /// The column that an expression's text names: `count(*)` after `stats count(*)`.
    pub(super) fn written(&self, text: &str) -> Option<Slot> {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase()
        };
        let wanted = plain(text);
        self.columns.iter().find(|column| plain(&column.name) == wanted).map(|column| column.slot)
    }

    /// The slot of an event's field; `None` when there are no events any more.
    pub(super) fn field(&mut self, name: &str) -> Option<Slot> {
        let fields = self.fields.as_mut()?;
        if let Some((_, slot)) = fields.iter().find(|(known, _)| known == name) {
            return Some(*slot);
        }
        let slot = self.width;
        fields.push((name.to_owned(), slot));
        self.width += 1;
        Some(slot)
    }

    /// The names that the query gave, with their slots.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, Slot)> {
        self.columns.iter().map(|column| (column.name.as_str(), column.slot))
    }

    /// Where a slot of the right side of a join goes.
    pub(super) fn fetch(&mut self, right: Slot) -> Slot {
        let known = |joined: &Joined| joined.wanted.iter().find(|(known, _)| *known == right).copied();
        if let Some((_, slot)) = self.joined.as_deref().and_then(known) {
            return slot;
        }
        let slot = self.slot();
        if let Some(joined) = &mut self.joined {
            joined.wanted.push((right, slot));
        }
        slot
    }

    /// The field of a side that a name begins with; `None` when it begins with none.
    fn find_of_side(&mut self, name: &Name) -> Option<Option<Found>> {
        let (side, field) = name.segments.split_first().filter(|(_, field)| !field.is_empty())?;
        let joined = self.joined.as_mut()?;
        let name = Name { segments: field.to_vec(), quoted: true };
        if *side == joined.left {
            return Some(self.find_own(&name));
        }
        if *side != joined.right {
            return None;
        }
        Some(match joined.scope.find(&name) {
            Some(Found::Slot(slot)) => Some(Found::Slot(self.fetch(slot))),
            Some(Found::Below(slot, path)) => Some(Found::Below(self.fetch(slot), path)),
            None => None,
        })
    }

    /// What a name stands for: a given name, a field of a side of a join, a place below a given
    /// name, or an event's field.
    pub(super) fn find(&mut self, name: &Name) -> Option<Found> {
        if let Some(slot) = self.column(&name.text()) {
            return Some(Found::Slot(slot));
        }
        self.find_of_side(name).unwrap_or_else(|| self.find_own(name))
    }

    fn find_own(&mut self, name: &Name) -> Option<Found> {
        let text = name.text();
        if let Some(slot) = self.column(&text) {
            return Some(Found::Slot(slot));
        }
        for length in (1..name.segments.len()).rev() {
            let (head, tail) = name.segments.split_at_checked(length)?;
            if let Some(slot) = self.column(&head.join(".")) {
                return Some(Found::Below(slot, tail.to_vec()));
            }
        }
        self.field(&text).map(Found::Slot)
    }
}
