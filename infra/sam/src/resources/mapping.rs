//! Mapping templates, as far as the local AWS renders them: text with `$context`, `$input.body` and
//! `$input.json` in it.
//!
//! A template is a program in VTL. What is not understood is refused with its name, so that no route
//! answers what it would not answer on AWS ("API Gateway WebSocket API mapping template reference").

use crate::app::{MappingTemplate, TemplatePart};

/// The variables of `$context` that an event has.
const CONTEXT: [&str; 15] = [
    "apiId",
    "connectedAt",
    "connectionId",
    "domainName",
    "eventType",
    "extendedRequestId",
    "identity.sourceIp",
    "identity.userAgent",
    "messageDirection",
    "messageId",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "routeKey",
    "stage",
];

/// Reads a template; the reason in words when it has something that is not rendered locally.
pub(super) fn parse(template: &str) -> Result<MappingTemplate, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(next) = rest.chars().next() {
        let after = rest.get(next.len_utf8()..).unwrap_or_default();
        match next {
            '$' => {
                if let Some((part, after)) = reference(after)? {
                    parts.push(TemplatePart::Text(std::mem::take(&mut text)));
                    parts.push(part);
                    rest = after;
                    continue;
                }
            }
            '#' if after.starts_with(|c: char| c.is_ascii_alphabetic() || "#*[{@".contains(c)) => {
                return Err(format!("`{}` in a mapping template is not run locally", word(rest)));
            }
            '\\' if after.starts_with(['$', '#', '\\']) => {
                return Err(format!("the escape `{}` in a mapping template is not read locally", word(rest)));
            }
            _ => {}
        }
        text.push(next);
        rest = after;
    }
    parts.push(TemplatePart::Text(text));
    parts.retain(|part| *part != TemplatePart::Text(String::new()));
    Ok(MappingTemplate(parts))
}

/// Whether a template reads what the client sent.
pub(super) fn reads_input(template: &MappingTemplate) -> bool {
    template.0.iter().any(|part| matches!(part, TemplatePart::Body | TemplatePart::Json(_)))
}

/// The reference that stands behind a `$`, and the rest; `None` when the `$` is only a dollar sign.
fn reference(text: &str) -> Result<Option<(TemplatePart, &str)>, String> {
    let quiet = text.strip_prefix('!');
    let (braced, inner) = match quiet.unwrap_or(text).strip_prefix('{') {
        Some(inner) => (true, inner),
        None => (false, quiet.unwrap_or(text)),
    };
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Ok(None);
    }
    let refused = || format!("`${}` in a mapping template is not known locally", word(text));
    if quiet.is_some() {
        return Err(refused());
    }
    let (part, rest) = expression(inner).ok_or_else(refused)?;
    match rest.strip_prefix('}') {
        Some(rest) if braced => Ok(Some((part, rest))),
        // A method of the value, or an element of it.
        _ if braced || rest.starts_with(['(', '[']) => Err(refused()),
        _ => Ok(Some((part, rest))),
    }
}

fn expression(text: &str) -> Option<(TemplatePart, &str)> {
    if let Some(call) = text.strip_prefix("input.json(") {
        let quote = call.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (path, rest) = call.get(1..)?.split_once(quote)?;
        return Some((TemplatePart::Json(json_path(path)?), rest.strip_prefix(')')?));
    }
    let end = text.find(|c: char| !is_name(c) && c != '.').unwrap_or(text.len());
    // A dot at the end closes a sentence.
    let (name, rest) = text.split_at_checked(text.get(..end)?.trim_end_matches('.').len())?;
    if name == "input.body" {
        return Some((TemplatePart::Body, rest));
    }
    let variable = name.strip_prefix("context.").filter(|variable| CONTEXT.contains(variable))?;
    Some((TemplatePart::Context(variable.to_owned()), rest))
}

/// The names of `$` and `$.a.b`; other paths are not read.
fn json_path(path: &str) -> Option<Vec<String>> {
    let names = path.strip_prefix('$')?;
    if names.is_empty() {
        return Some(Vec::new());
    }
    let names = names.strip_prefix('.')?.split('.');
    names.map(|name| (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())).collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// The start of a text, to name it by.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '}' | '"' | ',')).unwrap_or(text.len());
    let end = text.char_indices().map(|(at, _)| at).nth(30).map_or(end, |most| end.min(most));
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parts, one a line: text as it is, variables in angles.
    fn shown(template: &str) -> Result<String, String> {
        let show = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Context(name) => format!("<context {name}>"),
            TemplatePart::Body => "<body>".to_owned(),
            TemplatePart::Json(path) => format!("<json {}>", path.join("/")),
        };
        parse(template).map(|template| template.0.iter().map(show).collect())
    }

    #[track_caller]
    fn check(template: &str, expected: &str) {
        assert_eq!(shown(template).as_deref(), Ok(expected), "{template}");
    }

    #[track_caller]
    fn refused(template: &str, expected: &str) {
        assert_eq!(shown(template), Err(expected.to_owned()), "{template}");
    }

    #[test]
    fn text_stands_for_itself() {
        check(
            r#"{"statusCode": 200, "a": "\n \"x\" 5$ $5 # {}"}"#,
            r#"{"statusCode": 200, "a": "\n \"x\" 5$ $5 # {}"}"#,
        );
        check("", "");
    }

    #[test]
    fn variables_stand_with_and_without_braces() {
        check("a $context.connectionId, ${context.stage}x.", "a <context connectionId>, <context stage>x.");
        check("$context.identity.sourceIp.", "<context identity.sourceIp>.");
        check(r#"{"m":$input.body}"#, r#"{"m":<body>}"#);
        check(r#"$input.json('$.a.b') ${input.json("$")}"#, "<json a/b> <json >");
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        refused("#set($x = 1)", "`#set($x` in a mapping template is not run locally");
        refused("## remark", "`##` in a mapping template is not run locally");
        refused(
            r"\$context.stage",
            r"the escape `\$context.stage` in a mapping template is not read locally",
        );
        for name in [
            "$x",
            "$!context.stage",
            "$context.nonsense",
            "$context.status",
            "$util.escapeJavaScript($x)",
            "$input.path('$.a')",
            "$input.json('$.a[0]')",
            "$input.params()",
            "$context.stage.length()",
            "$input.body[0]",
            "$stageVariables.x",
            "${context.stage",
        ] {
            let error = shown(name).unwrap_err();
            assert!(error.starts_with(&format!("`{}", name.get(..5).unwrap_or(name))), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_text_without_signs_comes_back(template in r"[\PC$#\\{}.'(a-z]{0,40}", plain in r"[a-z {}:,]{0,40}") {
            let _ = parse(&template);
            prop_assert_eq!(shown(&plain), Ok(plain));
        }
    }
}
