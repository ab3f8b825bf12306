//! `MOCK` integrations: the gateway answers by itself, without calling anything.
//!
//! [Set up WebSocket API integration requests] and [integration responses] in API Gateway's developer
//! guide. The request template says the status; the integration response of that status says what
//! goes back on a two-way route.
//!
//! [Set up WebSocket API integration requests]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html
//! [integration responses]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-responses.html

use std::borrow::Cow;
use std::cell::LazyCell;

use sam::app::{MappingTemplate, Mock, TemplatePart};
use serde_json::Value;

use super::answer::{self, Answer};
use super::route::{DEFAULT, Selection};

/// Answers an event, whose context is made when a template reads it.
///
/// # Errors
/// The reason in words when nothing says a status.
pub(crate) fn answer(mock: &Mock, message: &str, context: &dyn Fn() -> Value) -> Result<Answer, String> {
    let context = &LazyCell::new(context);
    let request = match request_template(mock, message) {
        Some(template) => render(template, context, message).into(),
        None if mock.passes_through => Cow::Borrowed(message),
        None => return Err("no request template has the selected key".to_owned()),
    };
    let request: Value = serde_json::from_str(&request)
        .map_err(|error| format!("what its request template gives is not JSON: {error}"))?;
    let status = request.get("statusCode").and_then(answer::status);
    let status = status.ok_or("its request template gives no statusCode from 200 to 599")?;
    let response = mock.responses.iter().find(|response| response.statuses.contains(&status));
    let template = response.and_then(|response| response.template.as_ref());
    Ok(Answer {
        status,
        body: template.map(|template| render(template, context, message)),
        headers: Vec::new(),
    })
}

fn request_template<'a>(mock: &'a Mock, message: &str) -> Option<&'a MappingTemplate> {
    let selection = Selection::parse_key(&mock.template_selection_expression).ok()?;
    // Without a message, or with one that is not JSON, its variables are empty.
    let key = selection.evaluate(message).or_else(|| selection.evaluate("null"))?;
    mock.request_templates.get(&key).or_else(|| mock.request_templates.get(DEFAULT))
}

fn render(
    template: &MappingTemplate,
    context: &LazyCell<Value, impl FnOnce() -> Value>,
    message: &str,
) -> String {
    let mut text = String::new();
    for part in &template.0 {
        match part {
            TemplatePart::Text(literal) => text.push_str(literal),
            TemplatePart::Body => text.push_str(message),
            TemplatePart::Context(name) => match at(Some(&**context), name.split('.')) {
                Some(Value::String(value)) => text.push_str(value),
                Some(value) => text.push_str(&value.to_string()),
                None => {}
            },
            TemplatePart::Json(path) => {
                let body = serde_json::from_str::<Value>(message).ok();
                let value = at(body.as_ref(), path.iter().map(String::as_str));
                // What is not there is an empty text, in quotes.
                text.push_str(&value.map_or_else(|| "\"\"".to_owned(), Value::to_string));
            }
        }
    }
    text
}

fn at<'a, 'b>(value: Option<&'a Value>, path: impl IntoIterator<Item = &'b str>) -> Option<&'a Value> {
    path.into_iter().try_fold(value?, |value, name| value.get(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sam::app::MockResponse;
    use serde_json::json;

    use super::*;

    fn template(parts: &[TemplatePart]) -> MappingTemplate {
        MappingTemplate(parts.to_vec())
    }

    fn text(text: &str) -> TemplatePart {
        TemplatePart::Text(text.to_owned())
    }

    fn mock(expression: &str, templates: &[(&str, &[TemplatePart])]) -> Mock {
        let response = |statuses: std::ops::Range<u16>, says: &str| MockResponse {
            statuses: statuses.collect(),
            template: Some(template(&[text(says), TemplatePart::Context("identity.sourceIp".to_owned())])),
        };
        let templates = templates.iter().map(|(key, parts)| ((*key).to_owned(), template(parts)));
        Mock {
            template_selection_expression: expression.to_owned(),
            request_templates: templates.collect::<BTreeMap<_, _>>(),
            passes_through: true,
            responses: vec![response(200..300, "fine "), response(404..405, "none ")],
        }
    }

    #[track_caller]
    fn check(mock: &Mock, message: &str, expected: Option<(u16, Option<&str>)>) {
        let context = || json!({ "connectedAt": 7, "identity": { "sourceIp": "127.0.0.1" } });
        let answer = answer(mock, message, &context).ok();
        let answer = answer.as_ref().map(|answer| (answer.status, answer.body.as_deref()));
        assert_eq!(answer, expected, "{message}");
    }

    const FINE: Option<(u16, Option<&str>)> = Some((200, Some("fine 127.0.0.1")));

    #[test]
    fn the_template_says_the_status_and_the_status_the_answer() {
        let of = |status: &str| mock("200", &[("200", &[text(&format!("{{\"statusCode\": {status}}}"))])]);
        check(&of("200"), "x", FINE);
        check(&of("\"200\""), "{}", FINE);
        check(&of("404"), "", Some((404, Some("none 127.0.0.1"))));
        check(&of("500"), "", Some((500, None)));
        check(&of("101"), "", None);
        check(&of("nonsense"), "", None);
    }

    #[test]
    fn an_expression_selects_the_template() {
        let fine: &[TemplatePart] = &[text(r#"{"statusCode":200}"#)];
        let none: &[TemplatePart] = &[text(r#"{"statusCode":404}"#)];
        let by_kind = mock("$request.body.kind", &[("a", fine), (DEFAULT, none)]);
        check(&by_kind, r#"{"kind":"a"}"#, FINE);
        check(&by_kind, r#"{"kind":"b"}"#, Some((404, Some("none 127.0.0.1"))));
        check(&by_kind, "not JSON", Some((404, Some("none 127.0.0.1"))));
        for spelled in [r"\$default", "$default"] {
            check(&mock(spelled, &[(DEFAULT, fine)]), "x", FINE);
        }
    }

    #[test]
    fn without_a_template_the_message_is_the_request_unless_that_is_switched_off() {
        let mut mock = mock("200", &[]);
        check(&mock, r#"{"statusCode":200}"#, FINE);
        check(&mock, "x", None);
        mock.passes_through = false;
        check(&mock, r#"{"statusCode":200}"#, None);
    }

    #[test]
    fn variables_are_filled_in() {
        let json = |path: &[&str]| TemplatePart::Json(path.iter().map(|name| (*name).to_owned()).collect());
        let context = LazyCell::new(|| json!({ "connectedAt": 7, "stage": "prod" }));
        let parts = [
            TemplatePart::Body,
            text(" "),
            json(&["a", "b"]),
            json(&["c"]),
            text(" "),
            TemplatePart::Context("stage".to_owned()),
            TemplatePart::Context("connectedAt".to_owned()),
            TemplatePart::Context("messageId".to_owned()),
        ];
        let message = r#"{"a":{"b":[1,"x"]}}"#;
        assert_eq!(render(&template(&parts), &context, message), r#"{"a":{"b":[1,"x"]}} [1,"x"]"" prod7"#);
    }
}
