//! JSON patterns: `{ $.a.b = "x*" && $.list[0] > 3 }`.

use std::fmt;

use serde_json::Value;

use super::PatternError;
use super::cursor::Cursor;
use super::expression::{Expression, check_regexes};
use super::operand::Test;

/// Wildcards that a whole pattern may have in its selectors.
const MAX_WILDCARDS: usize = 3;

/// Where a member is: `$.a['b.c'][0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
    /// `[*]`
    Elements,
    /// `.*`
    Members,
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Expression<Selector>, PatternError> {
    cursor.eat_spaced("{");
    let expression = Expression::parse(cursor, &Selector::parse)?;
    if !cursor.eat_spaced("}") {
        return Err(cursor.expected("&&, || or }"));
    }
    cursor.end()?;
    check_regexes(expression.regexes())?;
    let mut selectors = Vec::new();
    expression.names(&mut selectors);
    let wildcards: Vec<_> = selectors.iter().map(|selector| selector.wildcards()).collect();
    if wildcards.iter().any(|count| *count > 1) {
        return Err(PatternError::TooMany("more than 1 wildcard in a selector"));
    }
    if wildcards.iter().sum::<usize>() > MAX_WILDCARDS {
        return Err(PatternError::TooMany("more than 3 wildcards in selectors"));
    }
    Ok(expression)
}

impl Selector {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        if !cursor.eat_spaced("$") {
            return Err(cursor.expected("a selector such as $.name"));
        }
        let mut steps = Vec::new();
        loop {
            let dot = cursor.eat(".");
            if cursor.eat("[") {
                steps.push(bracket(cursor)?);
            } else if dot && cursor.eat("*") {
                steps.push(Step::Members);
            } else if dot {
                let name = cursor.take_while(|c| !c.is_whitespace() && !".[](){}=!<>&|,".contains(c));
                if name.is_empty() {
                    return Err(cursor.expected("a member's name"));
                }
                steps.push(Step::Member(name.to_owned()));
            } else if steps.is_empty() {
                return Err(cursor.expected("`.` and a member's name"));
            } else {
                return Ok(Self(steps));
            }
        }
    }

    fn wildcards(&self) -> usize {
        self.0.iter().filter(|step| matches!(step, Step::Elements | Step::Members)).count()
    }

    /// Whether a member that is meant passes a test.
    pub(super) fn any(&self, root: &Value, test: &Test) -> bool {
        match test {
            Test::NotExists => !visit(root, &self.0, &mut |_| true),
            _ => visit(root, &self.0, &mut |value| test.takes_json(value)),
        }
    }

    /// The text of the first member that is meant, when it is no object and no list.
    pub(super) fn first_text(&self, root: &Value) -> Option<String> {
        let mut text = None;
        visit(root, &self.0, &mut |value| {
            text = match value {
                Value::String(text) => Some(text.clone()),
                Value::Object(_) | Value::Array(_) => None,
                other => Some(other.to_string()),
            };
            text.is_some()
        });
        text
    }
}

/// Shows the members that the steps lead to, until one is taken; gives whether one was.
fn visit(value: &Value, steps: &[Step], take: &mut dyn FnMut(&Value) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return take(value) };
    match (step, value) {
        (Step::Member(name), Value::Object(members)) => {
            members.get(name).is_some_and(|member| visit(member, rest, take))
        }
        (Step::Element(at), Value::Array(list)) => list.get(*at).is_some_and(|item| visit(item, rest, take)),
        (Step::Elements, Value::Array(list)) => list.iter().any(|item| visit(item, rest, take)),
        (Step::Members, Value::Object(members)) => members.values().any(|member| visit(member, rest, take)),
        _ => false,
    }
}

/// `[0]`, `[*]` or `['name']`; the opening bracket is behind.
fn bracket(cursor: &mut Cursor<'_>) -> Result<Step, PatternError> {
    let quote = cursor.peek().filter(|c| matches!(c, '\'' | '"'));
    let step = if let Some(quote) = quote {
        cursor.next();
        cursor.take_until(quote).map(Step::Member)
    } else if cursor.eat("*") {
        Some(Step::Elements)
    } else {
        cursor.take_while(|c| c.is_ascii_digit()).parse().ok().map(Step::Element)
    };
    let step = step.ok_or_else(|| cursor.expected("a number, * or a quoted name"))?;
    if cursor.eat("]") { Ok(step) } else { Err(cursor.expected("`]`")) }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Member(name) if name.contains(['.', ' ', '[']) => write!(f, "['{name}']"),
                Step::Member(name) => write!(f, ".{name}"),
                Step::Element(at) => write!(f, "[{at}]"),
                Step::Elements => f.write_str("[*]"),
                Step::Members => f.write_str(".*"),
            }?;
        }
        Ok(())
    }
}
