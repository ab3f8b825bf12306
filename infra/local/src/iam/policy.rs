//! IAM policies, as an authorizer answers them: parsed, and decided for one action on one resource.
//!
//! [IAM JSON policy elements reference] and [Policy evaluation logic] in IAM's user guide: an
//! explicit Deny wins, and what no statement allows is not allowed. What cannot be evaluated here
//! makes the whole policy invalid, because leaving it out could let somebody in: conditions but for
//! those on `dynamodb:LeadingKeys`, and policy variables in resources.
//!
//! [IAM JSON policy elements reference]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
//! [Policy evaluation logic]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Characters of a resource's ARN that API Gateway takes.
const LONGEST_ARN: usize = 512;

/// A policy document.
#[derive(Debug)]
pub(crate) struct Policy(Vec<Statement>);

/// What a policy says of an action on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement is about it.
    NotAllowed,
}

#[derive(Debug)]
struct Statement {
    effect: Effect,
    actions: Matching,
    resources: Matching,
    /// `ForAllValues:StringLike` of `dynamodb:LeadingKeys`: patterns of partition keys.
    leading_keys: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug)]
enum Matching {
    Any(Vec<String>),
    NoneOf(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Written {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    action: Option<Texts>,
    not_action: Option<Texts>,
    resource: Option<Texts>,
    not_resource: Option<Texts>,
    condition: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Policy {
    /// Reads a policy document.
    ///
    /// # Errors
    /// Why it is invalid, or why it cannot be evaluated here, in words.
    pub(crate) fn parse(document: &Value) -> Result<Self, String> {
        let document = Document::deserialize(document).map_err(|error| error.to_string())?;
        if let Some(version) = document.version.filter(|v| v != "2012-10-17" && v != "2008-10-17") {
            return Err(format!("there is no policy language of the version {version:?}"));
        }
        let statements = match document.statement {
            Value::Array(statements) => statements,
            one => vec![one],
        };
        statements.into_iter().map(Statement::parse).collect::<Result<_, _>>().map(Self)
    }

    /// What the policy says of a call that has no keys. See [`Policy::decide_on`].
    pub(crate) fn decide(&self, action: &str, resource: &str) -> Decision {
        self.decide_on(action, resource, Some(&[]))
    }

    /// What the policy says of a call on rows with these partition keys, `None` when they are not known:
    /// a statement about keys then allows nothing, and denies. Actions are compared without regard to case, resources with it; `*` in
    /// either stands for any characters and `?` for one.
    pub(crate) fn decide_on(&self, action: &str, resource: &str, keys: Option<&[String]>) -> Decision {
        let action = action.to_ascii_lowercase();
        let about = |statement: &&Statement| {
            statement.actions.matches(&action)
                && statement.resources.matches(resource)
                && statement.is_about_keys(keys)
        };
        let mut decision = Decision::NotAllowed;
        for statement in self.0.iter().filter(about) {
            match statement.effect {
                Effect::Deny => return Decision::Denied,
                Effect::Allow => decision = Decision::Allowed,
            }
        }
        decision
    }
}

impl Statement {
    fn parse(statement: Value) -> Result<Self, String> {
        let written: Written = serde_json::from_value(statement).map_err(|error| error.to_string())?;
        let leading_keys = written.condition.map(leading_keys).transpose()?.flatten();
        let mut actions = Matching::one(written.action, written.not_action, "Action")?;
        let (Matching::Any(patterns) | Matching::NoneOf(patterns)) = &mut actions;
        patterns.iter_mut().for_each(|pattern| pattern.make_ascii_lowercase());
        let resources = Matching::one(written.resource, written.not_resource, "Resource")?;
        let (Matching::Any(patterns) | Matching::NoneOf(patterns)) = &resources;
        for pattern in patterns {
            if pattern.contains("${") {
                return Err(format!("the variable in the resource {pattern:?} is not evaluated locally"));
            }
            if pattern.chars().count() > LONGEST_ARN {
                return Err(format!("a resource is longer than {LONGEST_ARN} characters"));
            }
        }
        Ok(Self { effect: written.effect, actions, resources, leading_keys })
    }

    /// `ForAllValues` holds when there is no value at all.
    fn is_about_keys(&self, keys: Option<&[String]>) -> bool {
        match (&self.leading_keys, keys) {
            (None, _) => true,
            (Some(_), None) => self.effect == Effect::Deny,
            (Some(patterns), Some(keys)) => {
                keys.iter().all(|key| patterns.iter().any(|pattern| is_match(pattern, key)))
            }
        }
    }
}

/// The only condition that is evaluated ("Using IAM policy conditions for fine-grained access control",
/// DynamoDB's developer guide); an empty one is none.
fn leading_keys(condition: Value) -> Result<Option<Vec<String>>, String> {
    let refused =
        || "a Condition is not evaluated locally, but for ForAllValues:StringLike of dynamodb:LeadingKeys";
    let mut operators: BTreeMap<String, BTreeMap<String, Texts>> =
        serde_json::from_value(condition).map_err(|_| refused())?;
    if operators.is_empty() {
        return Ok(None);
    }
    let mut keys =
        operators.remove("ForAllValues:StringLike").filter(|_| operators.is_empty()).ok_or_else(refused)?;
    let patterns =
        keys.remove("dynamodb:LeadingKeys").filter(|_| keys.is_empty()).ok_or_else(refused)?.into_vec();
    if patterns.iter().any(|pattern| pattern.contains("${")) {
        return Err("a variable in a Condition is not evaluated locally".to_owned());
    }
    Ok(Some(patterns))
}

impl Matching {
    /// Exactly one of the element and its opposite.
    fn one(element: Option<Texts>, opposite: Option<Texts>, name: &str) -> Result<Self, String> {
        match (element, opposite) {
            (Some(texts), None) => Ok(Self::Any(texts.into_vec())),
            (None, Some(texts)) => Ok(Self::NoneOf(texts.into_vec())),
            (Some(_), Some(_)) | (None, None) => {
                Err(format!("a statement has either {name} or Not{name}, and only one of them"))
            }
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any(patterns) => patterns.iter().any(|pattern| is_match(pattern, text)),
            Self::NoneOf(patterns) => !patterns.iter().any(|pattern| is_match(pattern, text)),
        }
    }
}

impl Texts {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// Whether a pattern with `*` and `?` stands for the whole text. It goes back to the last `*` only,
/// so that no pattern takes more than the product of both lengths.
fn is_match(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What comes after the last star, and the text from where that star has to take one more.
    let mut star = None;
    loop {
        let here = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = here;
                star = Some((pattern.clone(), text.clone()));
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(there)) if wanted == there => {}
            _ => {
                let Some((after, taken)) = &mut star else { return false };
                if taken.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), taken.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/$connect";

    fn decide(statement: &Value) -> Option<Decision> {
        let policy = Policy::parse(&json!({ "Version": "2012-10-17", "Statement": statement }));
        Some(policy.ok()?.decide("execute-api:Invoke", ARN))
    }

    #[track_caller]
    fn check(statement: &Value, expected: Decision) {
        assert_eq!(decide(statement), Some(expected), "{statement}");
    }

    fn statement(effect: &str, action: &str, resource: &str) -> Value {
        json!({ "Effect": effect, "Action": action, "Resource": resource })
    }

    #[test]
    fn what_is_allowed_is_allowed_and_nothing_else() {
        check(&statement("Allow", "execute-api:Invoke", ARN), Decision::Allowed);
        check(&json!([statement("Allow", "execute-api:Invoke", ARN)]), Decision::Allowed);
        check(&statement("Allow", "EXECUTE-API:invoke", "*"), Decision::Allowed);
        check(
            &statement("Allow", "execute-api:*", "arn:aws:execute-api:*:*:a1b2c3d4e?/*"),
            Decision::Allowed,
        );
        check(&statement("Allow", "execute-api:ManageConnections", "*"), Decision::NotAllowed);
        check(&statement("Allow", "*", "arn:aws:execute-api:*:*:*/dev/*"), Decision::NotAllowed);
        check(&statement("Allow", "*", &ARN.to_uppercase()), Decision::NotAllowed);
        check(&json!([]), Decision::NotAllowed);
    }

    #[test]
    fn an_explicit_deny_wins_wherever_it_stands() {
        let (allow, deny) = (statement("Allow", "*", "*"), statement("Deny", "execute-api:Invoke", ARN));
        check(&json!([allow, deny]), Decision::Denied);
        check(&json!([deny, allow]), Decision::Denied);
        check(&json!([allow, statement("Deny", "s3:*", "*")]), Decision::Allowed);
    }

    #[test]
    fn lists_and_opposites_are_read() {
        let actions =
            json!({ "Effect": "Allow", "Action": ["a:b", "execute-api:Invoke"], "Resource": ["x", "*"] });
        check(&actions, Decision::Allowed);
        let not_action = json!({ "Effect": "Allow", "NotAction": "execute-api:invoke", "Resource": "*" });
        check(&not_action, Decision::NotAllowed);
        let not_resource = json!({ "Effect": "Deny", "Action": "*", "NotResource": ["arn:aws:s3:::*"] });
        check(&not_resource, Decision::Denied);
        check(&json!({ "Effect": "Deny", "Action": "*", "NotResource": "*" }), Decision::NotAllowed);
        check(
            &json!({ "Sid": "one", "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {} }),
            Decision::Allowed,
        );
    }

    #[test]
    fn what_is_broken_or_cannot_be_evaluated_is_no_policy() {
        let condition = json!({ "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } });
        for broken in [
            json!("Allow"),
            json!({}),
            json!({ "Effect": "Allow", "Action": "*" }),
            json!({ "Effect": "allow", "Action": "*", "Resource": "*" }),
            json!({ "Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*" }),
            json!({ "Effect": "Allow", "Action": 1, "Resource": "*" }),
            json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*" }),
            json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }),
            json!({ "Effect": "Deny", "Action": "*", "Resource": "arn:aws:execute-api:*:*:${aws:userid}" }),
            statement("Allow", "*", &"*".repeat(513)),
        ] {
            assert_eq!(decide(&broken), None, "{broken}");
        }
        for document in [json!(null), json!("{}"), json!({ "Version": "2012-10-17" })] {
            assert!(Policy::parse(&document).is_err(), "{document}");
        }
        let newer = json!({ "Version": "2030-01-01", "Statement": [] });
        assert!(Policy::parse(&newer).unwrap_err().contains("2030-01-01"));
        assert!(Policy::parse(&json!({ "Statement": [] })).is_ok());
    }

    #[test]
    fn a_condition_on_leading_keys_is_about_rows() {
        let with = |effect: &str| {
            let condition = json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["K#*"] } });
            let mut statement = statement(effect, "dynamodb:DeleteItem", "*");
            statement["Condition"] = condition;
            let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
            let statements = if effect == "Deny" { json!([statement, all]) } else { json!([statement]) };
            Policy::parse(&json!({ "Statement": statements })).unwrap()
        };
        let check = |effect: &str, keys: Option<&[&str]>, expected: Decision| {
            let keys: Option<Vec<_>> = keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
            let decision = with(effect).decide_on("dynamodb:DeleteItem", "t", keys.as_deref());
            assert_eq!(decision, expected, "{effect} {keys:?}");
        };
        check("Allow", Some(&["K#1", "K#2"]), Decision::Allowed);
        check("Allow", Some(&["K#1", "C#2"]), Decision::NotAllowed);
        check("Allow", None, Decision::NotAllowed);
        check("Deny", Some(&["K#1"]), Decision::Denied);
        check("Deny", Some(&["C#1"]), Decision::Allowed);
        check("Deny", None, Decision::Denied);
    }

    /// The definition of a match, with no regard to time.
    fn reference(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| reference(rest, &text[taken..])),
            (['?', rest @ ..], [_, text @ ..]) => reference(rest, text),
            ([wanted, rest @ ..], [there, text @ ..]) => wanted == there && reference(rest, text),
            _ => false,
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop_oneof!["[*?a-c:]{0,6}", Just("Allow".to_owned()), Just("Deny".to_owned())]
                .prop_map(Value::from),
        ];
        let key = prop::sample::select(vec![
            "Version",
            "Statement",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
            "x",
        ]);
        leaf.prop_recursive(4, 32, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..5)
                    .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            ]
        })
    }

    fn statements() -> impl Strategy<Value = Vec<Value>> {
        let one = (any::<bool>(), "[*?ab:]{0,4}", "[*?ab:]{0,4}").prop_map(|(allow, action, resource)| {
            statement(if allow { "Allow" } else { "Deny" }, &action, &resource)
        });
        prop::collection::vec(one, 0..6)
    }

    proptest! {
        #[test]
        fn a_match_is_what_the_definition_says(pattern in "[*?ab€]{0,8}", text in "[ab€]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(is_match(&pattern, &text), reference(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn nothing_makes_it_panic(document in json_value(), action in r"\PC{0,8}", resource in r"\PC{0,8}") {
            if let Ok(policy) = Policy::parse(&document) {
                policy.decide(&action, &resource);
            }
        }

        #[test]
        fn a_deny_always_wins(
            statements in statements(), at in any::<prop::sample::Index>(), action in "[ab:]{1,3}", resource in "[ab:]{1,3}",
        ) {
            let mut denied = statements;
            denied.insert(at.index(denied.len() + 1), statement("Deny", &action, &resource));
            let policy = Policy::parse(&json!({ "Statement": denied })).unwrap();
            prop_assert_eq!(policy.decide(&action, &resource), Decision::Denied);
        }
    }
}
