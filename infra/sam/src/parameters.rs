//! `Parameters`: defaults, what the settings put in their place, and the constraints on both.

use std::collections::BTreeMap;

use regex::Regex;

use crate::error::{Position, Problems, did_you_mean};
use crate::settings::Settings;
use crate::template::map;
use crate::value::{Data, Value};
use crate::yaml::{self, Entry, Node};

const MEMBERS: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

const TYPES: [&str; 5] = ["CommaDelimitedList", "List<Number>", "List<String>", "Number", "String"];

/// Gives each parameter its value; one that cannot have one stands as reported.
pub(crate) fn read(entries: &[Entry], settings: &Settings, problems: &Problems) -> BTreeMap<String, Value> {
    check_overrides(entries, settings, problems);
    let value = |entry: &Entry| {
        let given = settings.parameters.get(&entry.key).map(String::as_str);
        let value =
            Parameter::read(entry, problems).and_then(|parameter| parameter.value(given, &settings.ssm));
        (entry.key.clone(), value.unwrap_or_else(|| Value::reported(entry.at)))
    };
    entries.iter().map(value).collect()
}

fn check_overrides(entries: &[Entry], settings: &Settings, problems: &Problems) {
    for name in settings.parameters.keys() {
        if !entries.iter().any(|entry| entry.key == *name) {
            let hint = did_you_mean(name, entries.iter().map(|entry| entry.key.as_str()));
            let message =
                format!("a value is given for `{name}`, which is no parameter of this template{hint}");
            problems.report(Position::START, message);
        }
    }
}

/// One parameter as it is declared.
struct Parameter<'a> {
    name: &'a str,
    at: Position,
    kind: &'a str,
    node: &'a Node,
    problems: &'a Problems,
}

impl<'a> Parameter<'a> {
    fn read(entry: &'a Entry, problems: &'a Problems) -> Option<Self> {
        let name = entry.key.as_str();
        for member in map(&entry.value, &format!("the parameter `{name}`"), problems)? {
            if !MEMBERS.contains(&member.key.as_str()) {
                let hint = did_you_mean(&member.key, MEMBERS);
                let message = format!("the parameter `{name}` has no member `{}`{hint}", member.key);
                problems.report(member.at, message);
            }
        }
        let Some(kind) = entry.value.get("Type") else {
            problems.report(entry.at, format!("the parameter `{name}` has no `Type`"));
            return None;
        };
        let kind_text = kind.as_text().unwrap_or_default();
        if !TYPES.contains(&kind_text) && !kind_text.contains("AWS::") {
            let hint = did_you_mean(kind_text, TYPES);
            let message = format!(
                "a parameter's type is String, Number, CommaDelimitedList, List<Number> or one of AWS's own, not {}{hint}",
                kind.describe()
            );
            problems.report(kind.at, message);
            return None;
        }
        Some(Self { name, at: entry.at, kind: kind_text, node: &entry.value, problems })
    }

    fn value(&self, given: Option<&str>, store: &BTreeMap<String, String>) -> Option<Value> {
        let default = self.node.get("Default");
        let (text, at) = match (given, default) {
            (Some(given), _) => (given, self.at),
            (None, Some(default)) => match &default.data {
                yaml::Data::Scalar(scalar) if !scalar.is_null() => (scalar.text.as_str(), default.at),
                _ => {
                    let message = format!(
                        "the default of `{}` must be a text or a number, not {}",
                        self.name,
                        default.describe()
                    );
                    self.problems.report(default.at, message);
                    return None;
                }
            },
            (None, None) => {
                let message =
                    format!("the parameter `{0}` has no default: give it a value, `{0}=…`", self.name);
                self.problems.report(self.at, message);
                return None;
            }
        };
        // Its value is the name of what is kept there; a text that is no such name is taken for that itself.
        let kept = store.get(text).filter(|_| self.kind.starts_with("AWS::SSM::"));
        if self.kind.starts_with("AWS::SSM::") && given.is_none() && kept.is_none() {
            let reason = format!(
                "the parameter `{0}` is kept in Systems Manager, which is not run locally: give it a value, `{0}=…`, or \
                 `--ssm {text}=…`",
                self.name
            );
            return Some(Value { at, data: Data::Unavailable(reason) });
        }
        let text = kept.map_or(text, String::as_str);
        let items: Vec<&str> = if self.is_list() {
            text.split(',').map(str::trim).filter(|item| !text.is_empty() || !item.is_empty()).collect()
        } else {
            vec![text]
        };
        // Every item is checked, so that all that is wrong is said at once.
        let fit = items.iter().filter(|item| self.fits(item, at)).count();
        (fit == items.len()).then(|| self.typed(&items, at))
    }

    fn is_list(&self) -> bool {
        self.kind == "CommaDelimitedList" || self.kind.contains("List<")
    }

    fn typed(&self, items: &[&str], at: Position) -> Value {
        match items {
            [text] if !self.is_list() => Value::text(at, *text),
            _ => Value { at, data: Data::Seq(items.iter().map(|item| Value::text(at, *item)).collect()) },
        }
    }

    /// Whether the value keeps to the parameter's constraints; if not, says which it breaks.
    fn fits(&self, text: &str, at: Position) -> bool {
        let broken = if self.kind.contains("Number") && text.parse::<f64>().is_err() {
            Some("must be a number".to_owned())
        } else {
            self.broken_values(text)
                .or_else(|| self.broken_pattern(text))
                .or_else(|| self.broken_bounds(text))
        };
        let Some(broken) = broken else { return true };
        let hidden = self.node.get("NoEcho").and_then(Node::as_text) == Some("true");
        let shown = if hidden { "the value given".to_owned() } else { format!("`{text}`") };
        let why = self.node.get("ConstraintDescription").and_then(Node::as_text);
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        self.problems.report(at, format!("the parameter `{}` {broken}, not {shown}{why}", self.name));
        false
    }

    fn broken_values(&self, text: &str) -> Option<String> {
        let allowed = self.node.get("AllowedValues")?;
        let yaml::Data::Seq(allowed) = &allowed.data else { return None };
        let allowed: Vec<&str> = allowed.iter().filter_map(Node::as_text).collect();
        (!allowed.contains(&text)).then(|| format!("must be one of {}", allowed.join(", ")))
    }

    fn broken_pattern(&self, text: &str) -> Option<String> {
        let pattern = self.node.get("AllowedPattern")?.as_text()?;
        // CloudFormation's patterns are Java's and match the whole value. One that only Java knows
        // (it looks ahead, or back) is left to CloudFormation.
        let regex = Regex::new(&format!("^(?:{pattern})$")).ok()?;
        (!regex.is_match(text)).then(|| format!("must match the pattern {pattern}"))
    }

    fn broken_bounds(&self, text: &str) -> Option<String> {
        let bound = |name: &str| self.node.get(name).and_then(Node::as_text)?.parse::<f64>().ok();
        let number = text.parse::<f64>().ok().filter(|_| self.kind.contains("Number"));
        let length = f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
        let beyond = |value: f64, least: Option<f64>, most: Option<f64>| {
            least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most)
        };
        if number.is_some_and(|number| beyond(number, bound("MinValue"), bound("MaxValue"))) {
            return Some(format!("must be a number{}", range(bound("MinValue"), bound("MaxValue"))));
        }
        let (least, most) = (bound("MinLength"), bound("MaxLength"));
        beyond(length, least, most).then(|| format!("must have a length{}", range(least, most)))
    }
}

fn range(least: Option<f64>, most: Option<f64>) -> String {
    let least = least.map(|least| format!(" of at least {least}"));
    let most = most.map(|most| format!(" of at most {most}"));
    [least, most].into_iter().flatten().collect::<Vec<_>>().join(" and")
}
