//! YAML text to a tree with positions, CloudFormation's functions recognised in both spellings.
//!
//! Built from the parser's events and not from a ready tree of values: scalars keep the text as it
//! is written (`0123` and `1.10` are names as often as numbers), every key of a map is seen, twice
//! if it is there twice, and nothing recurses however deep a file nests.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use crate::error::{Position, Problems};

/// Deeper than any template, and shallow enough to walk the tree recursively.
const MAX_DEPTH: usize = 100;

/// How many nodes aliases may copy, so that a small file cannot unfold into a huge tree.
const MAX_COPIED: usize = 100_000;

/// A node of the template and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) data: Data,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    Scalar(Scalar),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
    Call(Call),
}

/// Text, and whether it stands without quotes (then it may be a number, a truth value or nothing).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) plain: bool,
}

/// One `key: value` of a map.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) value: Node,
}

/// An intrinsic function: `Ref`, `Sub`, `GetAtt` … without the `Fn::` of the long form.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Box<Node>,
}

impl Node {
    pub(crate) fn text(at: Position, text: impl Into<String>) -> Self {
        Self { at, data: Data::Scalar(Scalar { text: text.into(), plain: false }) }
    }

    pub(crate) fn call(name: &str, args: Self) -> Self {
        Self { at: args.at, data: Data::Call(Call { name: name.to_owned(), args: Box::new(args) }) }
    }

    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            Data::Scalar(_) | Data::Seq(_) | Data::Call(_) => None,
        }
    }

    /// The value of a map's member.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(scalar) => Some(&scalar.text),
            Data::Seq(_) | Data::Map(_) | Data::Call(_) => None,
        }
    }

    /// What it is, for an error: `a list`.
    pub(crate) fn describe(&self) -> String {
        match &self.data {
            Data::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Data::Scalar(scalar) => format!("`{}`", scalar.text),
            Data::Seq(_) => "a list".to_owned(),
            Data::Map(_) => "a map".to_owned(),
            Data::Call(call) => format!("a `!{}`", call.name),
        }
    }
}

impl Scalar {
    /// Whether YAML reads it as nothing.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Reads one YAML document; `None` when it could not be read, which is then reported.
pub(crate) fn parse(text: &str, problems: &Problems) -> Option<Node> {
    let mut builder = Builder { problems, open: Vec::new(), done: None, anchors: HashMap::new(), copied: 0 };
    for event in Parser::new_from_str(text) {
        let outcome = match event {
            Ok((event, span)) => builder.event(event, span.start),
            Err(error) => Err(malformed(&error, text)),
        };
        if let Err((at, message)) = outcome {
            problems.report(at, message);
            return None;
        }
    }
    builder.done
}

type Failure = (Position, String);

/// The tree as far as it is built: what is open, outermost first.
struct Builder<'a> {
    problems: &'a Problems,
    open: Vec<Open>,
    done: Option<Node>,
    anchors: HashMap<usize, Node>,
    copied: usize,
}

struct Open {
    at: Position,
    tag: Option<String>,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    Seq(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Position)> },
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, mark: Marker) -> Result<(), Failure> {
        let at = position(mark);
        match event {
            Event::DocumentStart(_) if self.done.is_some() => {
                Err((at, "a template is one YAML document, and here a second one starts".to_owned()))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref();
                let plain = style == ScalarStyle::Plain && !tag.is_some_and(Tag::is_yaml_core_schema);
                let data = Data::Scalar(Scalar { text: text.into_owned(), plain });
                self.insert(Node { at, data }, function_tag(tag), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(at, function_tag(tag.as_deref()), anchor, OpenKind::Seq(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let kind = OpenKind::Map { entries: Vec::new(), key: None };
                self.open(at, function_tag(tag.as_deref()), anchor, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(at, anchor),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(
        &mut self,
        at: Position,
        tag: Option<String>,
        anchor: usize,
        kind: OpenKind,
    ) -> Result<(), Failure> {
        if self.open.len() >= MAX_DEPTH {
            return Err((at, format!("the template nests deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(Open { at, tag, anchor, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let node = match open.kind {
            OpenKind::Seq(items) => Node { at: open.at, data: Data::Seq(items) },
            OpenKind::Map { entries, .. } => self.long_form(open.at, entries),
        };
        self.insert(node, open.tag, open.anchor)
    }

    fn alias(&mut self, at: Position, anchor: usize) -> Result<(), Failure> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err((at, "this alias stands inside the very value that it names".to_owned()));
        };
        self.copied += size(node);
        if self.copied > MAX_COPIED || self.open.len() + depth(node) > MAX_DEPTH {
            return Err((at, "this alias unfolds into too large a tree".to_owned()));
        }
        let node = node.clone();
        self.insert(node, None, 0)
    }

    fn insert(&mut self, node: Node, tag: Option<String>, anchor: usize) -> Result<(), Failure> {
        let node = match tag {
            Some(name) => Node { at: node.at, data: Data::Call(Call { name, args: Box::new(node) }) },
            None => node,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.done = Some(node),
            Some(OpenKind::Seq(items)) => items.push(node),
            Some(OpenKind::Map { entries, key }) => match key.take() {
                None => *key = Some(self::key(&node)?),
                Some((key, at)) => insert_entry(entries, Entry { key, at, value: node }, self.problems),
            },
        }
        Ok(())
    }

    /// `{Ref: X}` and `{Fn::Name: …}` are calls when they are the whole map.
    fn long_form(&self, at: Position, mut entries: Vec<Entry>) -> Node {
        if let Some(entry) = entries.iter().find(|entry| is_function(&entry.key))
            && entries.len() > 1
        {
            let message = format!("`{}` must be the only member of its map", entry.key);
            self.problems.report(entry.at, message);
        }
        match entries.pop() {
            Some(entry) if entries.is_empty() && is_function(&entry.key) => {
                let name = entry.key.strip_prefix("Fn::").unwrap_or(&entry.key).to_owned();
                Node { at, data: Data::Call(Call { name, args: Box::new(entry.value) }) }
            }
            Some(entry) => {
                entries.push(entry);
                Node { at, data: Data::Map(entries) }
            }
            None => Node { at, data: Data::Map(entries) },
        }
    }
}

fn insert_entry(entries: &mut Vec<Entry>, mut entry: Entry, problems: &Problems) {
    if matches!(&entry.value.data, Data::Scalar(scalar) if scalar.is_null()) {
        // Where nothing is, the key is what a person can see.
        entry.value.at = entry.at;
    }
    match entries.iter().find(|other| other.key == entry.key) {
        Some(first) => {
            let message = format!("`{}` is there twice: first in line {}", entry.key, first.at.line);
            problems.report(entry.at, message);
        }
        None => entries.push(entry),
    }
}

fn key(node: &Node) -> Result<(String, Position), Failure> {
    match &node.data {
        Data::Scalar(scalar) => Ok((scalar.text.clone(), node.at)),
        Data::Seq(_) | Data::Map(_) | Data::Call(_) => {
            Err((node.at, format!("a key is a name, not {}", node.describe())))
        }
    }
}

fn is_function(key: &str) -> bool {
    // `Fn::ForEach::Name` stands beside other members: it makes members of the map it is in.
    key == "Ref" || (key.starts_with("Fn::") && !key.starts_with("Fn::ForEach"))
}

fn function_tag(tag: Option<&Tag>) -> Option<String> {
    let tag = tag.filter(|tag| !tag.is_yaml_core_schema())?;
    // A lone `!` means "not resolved further": plain text.
    (!tag.suffix.is_empty()).then(|| tag.suffix.clone())
}

fn size(node: &Node) -> usize {
    1 + match &node.data {
        Data::Scalar(_) => 0,
        Data::Seq(items) => items.iter().map(size).sum(),
        Data::Map(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
        Data::Call(call) => size(&call.args),
    }
}

fn depth(node: &Node) -> usize {
    1 + match &node.data {
        Data::Scalar(_) => 0,
        Data::Seq(items) => items.iter().map(depth).max().unwrap_or(0),
        Data::Map(entries) => entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
        Data::Call(call) => depth(&call.args),
    }
}

fn position(mark: Marker) -> Position {
    Position { line: mark.line().max(1), column: mark.col() + 1 }
}

/// The parser's own words, but plainer ones for a tab, the mistake that nobody can see.
fn malformed(error: &ScanError, text: &str) -> Failure {
    let at = position(*error.marker());
    let line = text.lines().nth(at.line - 1).unwrap_or_default();
    let indentation = line.chars().take_while(|c| c.is_whitespace());
    if let Some(column) = indentation.into_iter().position(|c| c == '\t') {
        let at = Position { line: at.line, column: column + 1 };
        return (at, "this line is indented with a tab; YAML wants spaces".to_owned());
    }
    (at, format!("this is not YAML: {}", error.info()))
}
