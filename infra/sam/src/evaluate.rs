//! CloudFormation's intrinsic functions, evaluated.
//!
//! Both branches of an `Fn::If` are read, so that a misspelled name is found in either; what only
//! matters where it is used (`live`) is not asked of the branch that is not taken.

use crate::error::{Position, did_you_mean, nearest};
use crate::scope::Scope;
use crate::sub::{Piece, pieces};
use crate::template::map;
use crate::value::{Data, Member, Value};
use crate::yaml::{self, Call, Node};

const FUNCTIONS: [&str; 21] = [
    "And",
    "Base64",
    "Cidr",
    "Condition",
    "Equals",
    "FindInMap",
    "ForEach",
    "GetAZs",
    "GetAtt",
    "GetStackOutput",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Ref",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
];

impl Scope<'_> {
    /// Evaluates a node; errors are reported and leave a stand-in.
    pub(crate) fn evaluate(&self, node: &Node, live: bool) -> Value {
        let at = node.at;
        let data = match &node.data {
            yaml::Data::Scalar(scalar) => Data::Text(scalar.clone()),
            yaml::Data::Seq(items) => Data::Seq(self.evaluate_all(items, live)),
            yaml::Data::Map(entries) => {
                let member = |entry: &yaml::Entry| Member {
                    key: entry.key.clone(),
                    at: entry.at,
                    value: self.evaluate(&entry.value, live),
                };
                let members = entries.iter().map(member);
                Data::Map(members.filter(|member| !matches!(member.value.data, Data::Absent)).collect())
            }
            yaml::Data::Call(call) => return self.call(at, call, live),
        };
        Value { at, data }
    }

    fn evaluate_all(&self, items: &[Node], live: bool) -> Vec<Value> {
        let values = items.iter().map(|item| self.evaluate(item, live));
        values.filter(|value| !matches!(value.data, Data::Absent)).collect()
    }

    fn call(&self, at: Position, call: &Call, live: bool) -> Value {
        let args = &*call.args;
        match call.name.as_str() {
            "Ref" => match self.name_argument(args, "!Ref", "the name of a parameter or resource") {
                Some(name) => self.reference(name, at, live),
                None => Value::reported(at),
            },
            "GetAtt" => self.get_att(at, args, live),
            "Sub" => self.sub(at, args, live),
            "Join" => self.join(at, args, live),
            "Split" => self.split(at, args, live),
            "Select" => self.select(at, args, live),
            "FindInMap" => self.find_in_map(at, args, live),
            "If" => self.choose(at, args, live),
            "And" | "Condition" | "Equals" | "Not" | "Or" => {
                let message = format!(
                    "`!{}` gives a condition and not a value; it stands under `Conditions`, and `!If` uses it",
                    call.name
                );
                self.refuse(at, message)
            }
            "ImportValue" => {
                self.evaluate(args, live);
                let reason = "`!ImportValue` reads another stack's output, which there is none of locally";
                Value { at, data: Data::Unavailable(reason.to_owned()) }
            }
            known if FUNCTIONS.contains(&known) || known == "Transform" => {
                Value { at, data: Data::Unavailable(format!("`Fn::{known}` is not evaluated locally")) }
            }
            unknown => {
                let hint = match nearest(unknown, FUNCTIONS) {
                    Some(meant) => format!("; did you mean `!{meant}`?"),
                    None => String::new(),
                };
                self.refuse(at, format!("there is no function `!{unknown}`{hint}"))
            }
        }
    }

    fn get_att(&self, at: Position, args: &Node, live: bool) -> Value {
        const SHAPE: &str = "`!GetAtt` takes a resource and an attribute: `!GetAtt Table.Arn`";
        let evaluated;
        let pair = match &args.data {
            yaml::Data::Scalar(scalar) => scalar.text.split_once('.'),
            yaml::Data::Seq(items) => match items.as_slice() {
                // The attribute, but not the resource, may be a function.
                [id, attribute] => {
                    evaluated = self.evaluate(attribute, live);
                    match (&evaluated.data, id.as_text()) {
                        (Data::Text(attribute), Some(id)) => Some((id, attribute.text.as_str())),
                        (Data::Reported, _) => return Value::reported(at),
                        _ => None,
                    }
                }
                _ => None,
            },
            yaml::Data::Map(_) | yaml::Data::Call(_) => None,
        };
        match pair {
            Some((id, attribute)) => self.attribute(id, attribute, at, live),
            None => self.refuse(args.at, format!("{SHAPE}, not {}", args.describe())),
        }
    }

    fn sub(&self, at: Position, args: &Node, live: bool) -> Value {
        let (text, variables) = match &args.data {
            yaml::Data::Scalar(scalar) => (scalar.text.as_str(), &[][..]),
            yaml::Data::Seq(items) => match items.as_slice() {
                [text, variables] if text.as_text().is_some() => {
                    let variables = map(variables, "the second argument of `!Sub`", self.problems);
                    let Some(variables) = variables else { return Value::reported(at) };
                    (text.as_text().unwrap_or_default(), variables)
                }
                _ => return self.refuse(args.at, SUB_SHAPE),
            },
            yaml::Data::Map(_) | yaml::Data::Call(_) => return self.refuse(args.at, SUB_SHAPE),
        };
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(message) => return self.refuse(args.at, message),
        };
        let named = |name: &str| match variables.iter().find(|variable| variable.key == name) {
            Some(variable) => self.evaluate(&variable.value, live),
            None => match (self.parameters.contains_key(name), name.split_once('.')) {
                (false, Some((id, attribute))) => self.attribute(id, attribute, args.at, live),
                _ => self.reference(name, args.at, live),
            },
        };
        let values = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Value::text(at, text),
            Piece::Name(name) => named(name),
        });
        self.concatenate(at, "!Sub", &values.collect::<Vec<_>>(), "")
    }

    fn join(&self, at: Position, args: &Node, live: bool) -> Value {
        const SHAPE: &str = "`!Join` takes a delimiter and a list of texts: `!Join [\"/\", [a, b]]`";
        let Some([delimiter, list]) = self.arguments(args, SHAPE) else { return Value::reported(at) };
        let Some(delimiter) = delimiter.as_text() else { return self.refuse(args.at, SHAPE) };
        let list = self.evaluate(list, live);
        match &list.data {
            Data::Seq(values) => self.concatenate(at, "!Join", values, delimiter),
            Data::Reported | Data::Unavailable(_) => Value { at, ..list },
            Data::Text(_) | Data::Map(_) | Data::Absent => self.refuse(list.at, SHAPE),
        }
    }

    /// The texts in one, or what stands for one of them that cannot be known.
    fn concatenate(&self, at: Position, function: &str, values: &[Value], delimiter: &str) -> Value {
        let mut texts = Vec::new();
        for value in values {
            match &value.data {
                Data::Text(scalar) if !scalar.is_null() => texts.push(scalar.text.as_str()),
                Data::Reported | Data::Unavailable(_) => return Value { at, ..value.clone() },
                Data::Text(_) | Data::Seq(_) | Data::Map(_) | Data::Absent => {
                    let message = format!("`{function}` puts texts together, not {}", value.describe());
                    return self.refuse(at, message);
                }
            }
        }
        Value::text(at, texts.join(delimiter))
    }

    fn split(&self, at: Position, args: &Node, live: bool) -> Value {
        const SHAPE: &str = "`!Split` takes a delimiter and a text: `!Split [\",\", \"a,b\"]`";
        let Some([delimiter, text]) = self.arguments(args, SHAPE) else { return Value::reported(at) };
        let text = self.evaluate(text, live);
        match (delimiter.as_text(), &text.data) {
            (Some(delimiter), Data::Text(scalar)) if !delimiter.is_empty() => {
                let parts = scalar.text.split(delimiter).map(|part| Value::text(at, part));
                Value { at, data: Data::Seq(parts.collect()) }
            }
            (_, Data::Reported | Data::Unavailable(_)) => Value { at, ..text },
            _ => self.refuse(args.at, SHAPE),
        }
    }

    fn select(&self, at: Position, args: &Node, live: bool) -> Value {
        const SHAPE: &str = "`!Select` takes an index from 0 and a list: `!Select [0, [a, b]]`";
        let Some([index, list]) = self.arguments(args, SHAPE) else { return Value::reported(at) };
        let (index, list) = (self.evaluate(index, live), self.evaluate(list, live));
        match (&index.data, &list.data) {
            (Data::Reported | Data::Unavailable(_), _) => Value { at, ..index },
            (_, Data::Reported | Data::Unavailable(_)) => Value { at, ..list },
            (Data::Text(index), Data::Seq(values)) => match index.text.parse::<usize>() {
                Ok(number) => match values.get(number) {
                    Some(value) => Value { at, ..value.clone() },
                    None if !live => Value::reported(at),
                    None => self.refuse(
                        at,
                        format!("`!Select` wants item {number} (from 0) of a list of {}", values.len()),
                    ),
                },
                Err(_) => self.refuse(args.at, SHAPE),
            },
            _ => self.refuse(args.at, SHAPE),
        }
    }

    fn find_in_map(&self, at: Position, args: &Node, live: bool) -> Value {
        const SHAPE: &str = "`!FindInMap` takes a mapping and two keys: `!FindInMap [Map, Top, Second]`";
        let Some([map, top, second]) = self.arguments(args, SHAPE) else { return Value::reported(at) };
        let mut names = Vec::new();
        for argument in [map, top, second] {
            let value = self.evaluate(argument, live);
            match value.data {
                Data::Text(scalar) => names.push((scalar.text, argument.at)),
                Data::Reported | Data::Unavailable(_) => return Value { at, ..value },
                Data::Seq(_) | Data::Map(_) | Data::Absent => return self.refuse(args.at, SHAPE),
            }
        }
        let mut entries = self.template.mappings.as_slice();
        let mut found = None;
        for (depth, (name, name_at)) in names.iter().enumerate() {
            found = entries.iter().find(|entry| entry.key == *name).map(|entry| &entry.value);
            let Some(node) = found else {
                if !live && depth > 0 {
                    return Value::reported(at);
                }
                let place = if depth == 0 { "`Mappings`" } else { "the mapping" };
                let hint = did_you_mean(name, entries.iter().map(|entry| entry.key.as_str()));
                return self.refuse(*name_at, format!("there is no `{name}` in {place}{hint}"));
            };
            entries = node.entries().unwrap_or_default();
        }
        match found {
            Some(node) => Value { at, ..self.evaluate(node, live) },
            None => Value::reported(at),
        }
    }

    fn choose(&self, at: Position, args: &Node, live: bool) -> Value {
        const SHAPE: &str = "`!If` takes a condition's name and two values: `!If [IsProd, a, b]`";
        let Some([name, yes, no]) = self.arguments(args, SHAPE) else { return Value::reported(at) };
        let Some(condition) = name.as_text() else { return self.refuse(name.at, SHAPE) };
        let holds = self.condition(condition, name.at);
        let yes = self.evaluate(yes, live && holds != Some(false));
        let no = self.evaluate(no, live && holds == Some(false));
        match holds {
            // The value keeps its own place: an error about it belongs there.
            Some(true) => yes,
            Some(false) => no,
            None => Value::reported(at),
        }
    }

    fn name_argument<'n>(&self, args: &'n Node, function: &str, what: &str) -> Option<&'n str> {
        let name = args.as_text().filter(|name| !name.is_empty());
        if name.is_none() {
            let message = format!("`{function}` takes {what}, not {}", args.describe());
            self.problems.report(args.at, message);
        }
        name
    }

    pub(crate) fn arguments<'n, const N: usize>(&self, args: &'n Node, shape: &str) -> Option<&'n [Node; N]> {
        let items = match &args.data {
            yaml::Data::Seq(items) => items.as_slice().try_into().ok(),
            yaml::Data::Scalar(_) | yaml::Data::Map(_) | yaml::Data::Call(_) => None,
        };
        if items.is_none() {
            self.problems.report(args.at, shape);
        }
        items
    }

    fn refuse(&self, at: Position, message: impl Into<String>) -> Value {
        self.problems.report(at, message);
        Value::reported(at)
    }
}

const SUB_SHAPE: &str = "`!Sub` takes a text, or a list of a text and a map of its variables";
