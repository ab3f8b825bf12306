//! Route selection: which route a message goes to.
//!
//! [Working with routes for WebSocket APIs] and [selection expressions] in API Gateway's developer
//! guide.
//!
//! [Working with routes for WebSocket APIs]: https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
//! [selection expressions]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-selection-expressions.html

use serde_json::Value;

/// The variable that a route selection expression can read.
const BODY: &str = "request.body";

/// The key that stands for what has no key of its own.
pub(crate) const DEFAULT: &str = "$default";

/// A `RouteSelectionExpression`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection(Vec<Part>);

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Text that stands for itself.
    Literal(String),
    /// A path into the message: its value becomes text.
    Body(Vec<String>),
}

/// What is wrong with a selection expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a variable of a selection expression: only $request.body can be read")]
pub(crate) struct UnknownVariable(String);

impl Selection {
    /// Parses `$request.body.action`, `${request.body.a.b}`, literal text around them, and `\$`
    /// for a dollar sign.
    pub(crate) fn parse(expression: &str) -> Result<Self, UnknownVariable> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = expression;
        while let Some(next) = rest.chars().next() {
            if let Some(escaped) = rest.strip_prefix("\\$") {
                literal.push('$');
                rest = escaped;
            } else if let Some(variable) = rest.strip_prefix('$') {
                let (name, after) = variable_name(variable);
                let path = body_path(name).ok_or_else(|| UnknownVariable(name.to_owned()))?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Body(path));
                rest = after;
            } else {
                literal.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// Parses an expression that selects a template or a model: `$default` without its backslash is
    /// a key there as well.
    pub(crate) fn parse_key(expression: &str) -> Result<Self, UnknownVariable> {
        if expression == DEFAULT { Self::parse(r"\$default") } else { Self::parse(expression) }
    }

    /// The key that a message selects; `None` when the message is not JSON, which only
    /// `$default` takes.
    pub(crate) fn evaluate(&self, message: &str) -> Option<String> {
        let body: Value = serde_json::from_str(message).ok()?;
        let mut key = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => key.push_str(text),
                Part::Body(path) => key.push_str(&text_at(&body, path)),
            }
        }
        Some(key)
    }
}

/// Splits what follows a `$` into the variable's name and the rest.
fn variable_name(text: &str) -> (&str, &str) {
    if let Some((name, after)) = text.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
        return (name, after);
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    // A dot at the end closes a sentence, it does not name anything.
    let end = text.get(..end).map_or(0, |name| name.trim_end_matches('.').len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The path of `request.body.a.b`; `None` for any other variable.
fn body_path(name: &str) -> Option<Vec<String>> {
    let path = name.strip_prefix(BODY)?;
    if path.is_empty() {
        return Some(Vec::new());
    }
    Some(path.strip_prefix('.')?.split('.').map(str::to_owned).collect())
}

/// The value at a path as text: numbers and booleans as JSON writes them, and nothing for null and
/// for what is missing.
fn text_at(body: &Value, path: &[String]) -> String {
    let value = path.iter().try_fold(body, |value, name| value.as_object()?.get(name));
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(expression: &str, message: &str, expected: Option<&str>) {
        let selection = Selection::parse(expression).unwrap();
        assert_eq!(selection.evaluate(message).as_deref(), expected);
    }

    #[test]
    fn reads_a_value_of_the_body() {
        check("$request.body.action", r#"{"action":"echo"}"#, Some("echo"));
        check("${request.body.action}", r#"{"action":"echo"}"#, Some("echo"));
        check("$request.body.a.b", r#"{"a":{"b":"deep"}}"#, Some("deep"));
        check("$request.body", r#""echo""#, Some("echo"));
    }

    #[test]
    fn joins_literals_and_several_variables() {
        check("$request.body.v-$request.body.a", r#"{"v":2,"a":"echo"}"#, Some("2-echo"));
        check("${request.body.v}x", r#"{"v":"1"}"#, Some("1x"));
        check("v1.$request.body.a.", r#"{"a":"echo"}"#, Some("v1.echo."));
        check(r"\$default", "{}", Some("$default"));
        check("", "{}", Some(""));
    }

    #[test]
    fn scalars_become_text_and_what_is_missing_becomes_nothing() {
        check("$request.body.a", r#"{"a":7}"#, Some("7"));
        check("$request.body.a", r#"{"a":true}"#, Some("true"));
        check("$request.body.a", r#"{"a":null}"#, Some(""));
        check("$request.body.a", "{}", Some(""));
        check("$request.body.a", "[1]", Some(""));
        check("$request.body.a", r#"{"a":[1, "x"]}"#, Some(r#"[1,"x"]"#));
        check("$request.body.a.b", r#"{"a":"text"}"#, Some(""));
    }

    #[test]
    fn a_message_that_is_not_json_selects_nothing() {
        check("$request.body.action", "hello", None);
        check("$request.body.action", "", None);
    }

    #[test]
    fn only_the_body_can_be_read() {
        for expression in ["$default", "$request.header.x", "${context.routeKey}", "$", "$request.bodyx"] {
            assert!(Selection::parse(expression).is_err(), "{expression}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(expression in r"[\PC$\\{}.]{0,40}", message in r"\PC{0,60}") {
            if let Ok(selection) = Selection::parse(&expression) {
                let _ = selection.evaluate(&message);
            }
        }

        #[test]
        fn pieces_come_out_in_their_order(
            pieces in prop::collection::vec((r"[a-z{} :/\\]{0,4}", 0_usize..3, any::<bool>()), 0..6),
            values in prop::collection::vec(r"\PC{0,5}", 3),
        ) {
            let (mut expression, mut expected) = (String::new(), String::new());
            for (literal, index, escaped) in &pieces {
                expression.push_str(&format!("{literal}${{request.body.deep.v{index}}}"));
                expected.push_str(&format!("{literal}{}", values[*index]));
                if *escaped {
                    expression.push_str(r"\$");
                    expected.push('$');
                }
            }
            let [v0, v1, v2] = values.as_slice() else { unreachable!("three") };
            let message = serde_json::json!({ "deep": { "v0": v0, "v1": v1, "v2": v2 } }).to_string();
            // A backslash before a dollar sign would escape it.
            prop_assume!(!expression.contains(r"\${"));
            prop_assert_eq!(Selection::parse(&expression).unwrap().evaluate(&message), Some(expected));
        }

        #[test]
        fn any_key_comes_back_as_it_was_sent(key in r"\PC{0,20}") {
            let message = serde_json::json!({ "action": key }).to_string();
            let selection = Selection::parse("$request.body.action").unwrap();
            prop_assert_eq!(selection.evaluate(&message), Some(key));
        }
    }
}
