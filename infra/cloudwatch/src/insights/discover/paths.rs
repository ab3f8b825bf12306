//! The discovered names that a query wants, as a tree of member names: reading a JSON line
//! compares each key with a few wanted ones, and steps over the rest.

use std::collections::HashMap;

use super::MOST_FIELDS;
use crate::insights::json::{Cursor, DEEPEST, Next};
use crate::insights::value::Value;

/// Where the wanted names are in a JSON text.
#[derive(Debug, Clone, Default)]
pub(in crate::insights) struct Paths {
    nodes: Vec<Node>,
    wanted: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    edges: Vec<Edge>,
}

#[derive(Debug, Clone)]
struct Edge {
    key: Box<str>,
    /// The key as a place in a list.
    index: Option<usize>,
    /// The leaf's slot, when a wanted name ends here.
    slot: Option<usize>,
    /// Where longer names go on.
    node: Option<usize>,
}

/// What is left of wanted names below a node: (rest of the name, slot).
type Wanted<'n> = Vec<(&'n str, usize)>;

impl Paths {
    /// For dotted names and the slots that their values go to. A name's dots may be a member's
    /// own, so every way of cutting it is followed.
    pub(in crate::insights) fn new<'n>(names: impl IntoIterator<Item = (&'n str, usize)>) -> Self {
        let wanted: Wanted<'n> = names.into_iter().collect();
        let mut paths = Self { nodes: Vec::new(), wanted: wanted.len() };
        if !wanted.is_empty() {
            paths.node(wanted, &mut HashMap::new());
        }
        paths
    }

    fn node<'n>(&mut self, wanted: Wanted<'n>, known: &mut HashMap<Wanted<'n>, usize>) -> usize {
        if let Some(place) = known.get(&wanted) {
            return *place;
        }
        let place = self.nodes.len();
        self.nodes.push(Node::default());
        known.insert(wanted.clone(), place);
        let mut keys: Vec<(&'n str, Option<usize>, Wanted<'n>)> = Vec::new();
        for (name, slot) in wanted {
            let cuts = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
            for cut in cuts {
                let key = name.get(..cut).unwrap_or_default();
                let rest = name.get(cut + 1..);
                let at = keys.iter().position(|(found, ..)| *found == key).unwrap_or_else(|| {
                    keys.push((key, None, Vec::new()));
                    keys.len() - 1
                });
                let Some((_, leaf, longer)) = keys.get_mut(at) else { continue };
                match rest {
                    Some(rest) => longer.push((rest, slot)),
                    None => *leaf = Some(slot),
                }
            }
        }
        let edges = keys
            .into_iter()
            .map(|(key, slot, longer)| Edge {
                key: key.into(),
                index: key.parse().ok(),
                slot,
                node: (!longer.is_empty()).then(|| self.node(longer, known)),
            })
            .collect();
        if let Some(node) = self.nodes.get_mut(place) {
            node.edges = edges;
        }
        place
    }

    pub(in crate::insights) fn is_empty(&self) -> bool {
        self.wanted == 0
    }

    /// Fills the slots with what the object at the start of `text` has. The first of equal names
    /// counts, and broken text gives what stands before the fault: a field's value is the same
    /// whatever else a query names.
    pub(in crate::insights) fn fill<'a>(&self, text: &'a str, row: &mut [Value<'a>]) {
        let mut walk =
            Walk { paths: self, cursor: Cursor::new(text), row, fields: MOST_FIELDS, open: self.wanted };
        if walk.cursor.peek() == Some(Next::Object) {
            let _ = walk.value(None, self.nodes.first(), 0);
        }
    }
}

struct Walk<'p, 'a, 'r> {
    paths: &'p Paths,
    cursor: Cursor<'a>,
    row: &'r mut [Value<'a>],
    /// Fields that may still be discovered.
    fields: usize,
    /// Wanted names that are not found yet.
    open: usize,
}

impl<'p> Walk<'p, '_, '_> {
    /// One value; `None` ends the reading.
    fn value(&mut self, slot: Option<usize>, node: Option<&'p Node>, depth: usize) -> Option<()> {
        match self.cursor.peek()? {
            Next::Object => self.object(node, depth),
            Next::Array => self.array(node, depth),
            Next::String => {
                let text = self.cursor.string()?;
                match slot {
                    Some(slot) => self.found(slot, || Value::Text(text.value())),
                    None => self.count(),
                }
            }
            Next::Word => {
                let word = self.cursor.word()?;
                match slot {
                    Some(slot) if word != "null" => self.found(slot, || Value::text(word)),
                    _ => self.count(),
                }
            }
        }
    }

    fn count(&mut self) -> Option<()> {
        self.fields = self.fields.checked_sub(1)?;
        Some(())
    }

    fn object(&mut self, node: Option<&'p Node>, depth: usize) -> Option<()> {
        self.cursor.take(b'{');
        let mut more = depth < DEEPEST && !self.cursor.take(b'}');
        while more {
            let key = self.cursor.key()?;
            let edge = node.and_then(|node| node.edges.iter().find(|edge| key.is(&edge.key)));
            self.follow(edge, depth)?;
            more = self.cursor.another(b'}')?;
        }
        (depth < DEEPEST).then_some(())
    }

    fn array(&mut self, node: Option<&'p Node>, depth: usize) -> Option<()> {
        self.cursor.take(b'[');
        let mut more = depth < DEEPEST && !self.cursor.take(b']');
        let mut place = 0;
        while more {
            let edge = node.and_then(|node| node.edges.iter().find(|edge| edge.index == Some(place)));
            self.follow(edge, depth)?;
            place += 1;
            more = self.cursor.another(b']')?;
        }
        (depth < DEEPEST).then_some(())
    }

    fn follow(&mut self, edge: Option<&'p Edge>, depth: usize) -> Option<()> {
        let slot = edge.and_then(|edge| edge.slot);
        let node = edge.and_then(|edge| edge.node).and_then(|place| self.paths.nodes.get(place));
        self.value(slot, node, depth + 1)
    }
}

impl<'a> Walk<'_, 'a, '_> {
    fn found(&mut self, slot: usize, value: impl FnOnce() -> Value<'a>) -> Option<()> {
        self.count()?;
        let cell = self.row.get_mut(slot)?;
        if cell.is_null() {
            *cell = value();
            self.open -= 1;
        }
        (self.open > 0).then_some(())
    }
}
