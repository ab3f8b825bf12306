//! What functions may do: with `--enforce-iam`, every call of a function is held against its role.
//!
//! "Policy evaluation logic" and "Troubleshoot access denied error messages" in IAM's user guide. Each
//! function signs with a key of its own, by which the services know it. Whoever has another key is the
//! person at this machine, who may do everything.

pub(crate) mod policy;
pub(crate) mod request;

use std::collections::BTreeMap;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sam::app::{Function, Table};

use self::policy::{Decision, Policy};
use self::request::{Asked, Place};
use crate::credentials::Credentials;

/// The functions of an app, by the access key that each signs with.
#[derive(Debug)]
pub(crate) struct Iam {
    principals: BTreeMap<String, Principal>,
    /// Where resources are.
    pub(crate) place: Place,
}

/// A function as IAM knows it.
#[derive(Debug)]
pub(crate) struct Principal {
    credentials: Credentials,
    /// `arn:aws:sts::123456789012:assumed-role/{role}/{function}`
    arn: String,
    policies: Vec<Policy>,
}

impl Iam {
    /// Reads the functions' policies, and gives each function a key.
    ///
    /// # Errors
    /// A sentence about a policy that cannot be evaluated.
    pub(crate) fn of(
        functions: &mut BTreeMap<String, Function>,
        tables: &[Table],
        deployment: &sam::Settings,
    ) -> Result<Self, String> {
        let mut principals = BTreeMap::new();
        for function in functions.values_mut() {
            let principal = Principal::of(function, deployment)?;
            principal.credentials.give(&mut function.environment);
            principals.insert(principal.credentials.access_key_id.clone(), principal);
        }
        Ok(Self { principals, place: Place::new(deployment, tables) })
    }

    /// The function with this key; `None` for anybody else.
    pub(crate) fn principal(&self, access_key: &str) -> Option<&Principal> {
        self.principals.get(access_key)
    }

    /// The function that a request says it is from. Only the key is looked at.
    pub(crate) fn signer(&self, headers: &HeaderMap) -> Option<&Principal> {
        let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = authorization.split_once("Credential=")?;
        self.principal(credential.split('/').next()?)
    }

    /// All functions.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.principals.values()
    }
}

impl Principal {
    fn of(function: &Function, deployment: &sam::Settings) -> Result<Self, String> {
        let Function { logical_id, name, role, .. } = function;
        for unknown in &role.unknown {
            tracing::warn!("{logical_id}: {unknown}; calls that only this would allow are refused");
        }
        let policy = |document| {
            Policy::parse(document).map_err(|reason| {
                format!("a policy of the function {logical_id} cannot be evaluated: {reason}")
            })
        };
        let (partition, account) = (deployment.partition(), &deployment.account_id);
        Ok(Self {
            credentials: Credentials {
                access_key_id: format!("local.{logical_id}"),
                ..Credentials::default()
            },
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{}/{name}", role.name),
            policies: role.policies.iter().map(policy).collect::<Result<_, _>>()?,
        })
    }

    /// What it signs with.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Who it is, once it has assumed its role.
    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// What its policies together say of an action on a resource.
    pub(crate) fn decide(&self, action: &str, resource: &str) -> Decision {
        self.decide_on(action, resource, Some(&[]))
    }

    fn decide_on(&self, action: &str, resource: &str, keys: Option<&[String]>) -> Decision {
        let decisions = self.policies.iter().map(|policy| policy.decide_on(action, resource, keys));
        decisions.fold(Decision::NotAllowed, |all, one| match (all, one) {
            (Decision::Denied, _) | (_, Decision::Denied) => Decision::Denied,
            (Decision::Allowed, _) | (_, Decision::Allowed) => Decision::Allowed,
            (Decision::NotAllowed, Decision::NotAllowed) => Decision::NotAllowed,
        })
    }

    /// The sentence that refuses the first of these that is not allowed.
    pub(crate) fn refusal(&self, asked: &[Asked]) -> Option<String> {
        asked.iter().find_map(|Asked { action, resource, leading_keys }| {
            let because = match self.decide_on(action, resource, leading_keys.as_deref()) {
                Decision::Allowed => return None,
                Decision::Denied => "with an explicit deny in an identity-based policy".to_owned(),
                Decision::NotAllowed => {
                    format!("because no identity-based policy allows the {action} action")
                }
            };
            let arn = &self.arn;
            Some(format!(
                "User: {arn} is not authorized to perform: {action} on resource: {resource} {because}"
            ))
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use sam::app::{Code, LogFormat, Role};
    use serde_json::{Value, json};

    use super::*;

    /// One function that signs with this key.
    pub(crate) fn iam_of(key: &str, statements: &[Value]) -> Iam {
        let policy = |statement| Policy::parse(&json!({ "Statement": [statement] })).unwrap();
        let principal = Principal {
            credentials: Credentials { access_key_id: key.to_owned(), ..Credentials::default() },
            arn: "arn:aws:sts::123456789012:assumed-role/role/function".to_owned(),
            policies: statements.iter().map(policy).collect(),
        };
        let place = Place::new(&sam::Settings::default(), &[]);
        Iam { principals: BTreeMap::from([(key.to_owned(), principal)]), place }
    }

    fn iam(statements: &[Value]) -> Result<(Iam, BTreeMap<String, String>), String> {
        let policy = |statement| json!({ "Version": "2012-10-17", "Statement": [statement] });
        let function = Function {
            logical_id: "F".to_owned(),
            name: "stack-F".to_owned(),
            handler: "bootstrap".to_owned(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            environment: BTreeMap::new(),
            log_group: "/aws/lambda/stack-F".to_owned(),
            log_format: LogFormat::Text,
            reserved_concurrency: None,
            role: Role {
                name: "stack-FRole".to_owned(),
                policies: statements.iter().map(policy).collect(),
                unknown: Vec::new(),
            },
            code: Code::Unrunnable("it is a test".to_owned()),
        };
        let mut functions = BTreeMap::from([("F".to_owned(), function)]);
        let iam = Iam::of(&mut functions, &[], &sam::Settings::default())?;
        Ok((iam, functions.remove("F").unwrap().environment))
    }

    #[track_caller]
    fn check(action: &str, expected: Option<&str>) {
        let allow = json!({ "Effect": "Allow", "Action": "dynamodb:*", "Resource": "*" });
        let deny = json!({ "Effect": "Deny", "Action": "dynamodb:Scan", "Resource": "*" });
        let (iam, environment) = iam(&[allow, deny]).unwrap();
        let asked = Asked { action: action.to_owned(), resource: "r".to_owned(), leading_keys: None };
        let refusal = iam.principal(&environment["AWS_ACCESS_KEY_ID"]).unwrap().refusal(&[asked]);
        let arn = "arn:aws:sts::123456789012:assumed-role/stack-FRole/stack-F";
        let expected = expected.map(|because| {
            format!("User: {arn} is not authorized to perform: {action} on resource: r {because}")
        });
        assert_eq!(refusal, expected);
    }

    #[test]
    fn a_refusal_is_in_iams_words() {
        check("dynamodb:GetItem", None);
        check("dynamodb:Scan", Some("with an explicit deny in an identity-based policy"));
        check("sqs:SendMessage", Some("because no identity-based policy allows the sqs:SendMessage action"));
    }

    #[test]
    fn the_key_of_a_signature_says_which_function_it_is() {
        let (iam, _) = iam(&[]).unwrap();
        let signer = |key: &str| {
            let credential =
                format!("AWS4-HMAC-SHA256 Credential={key}/20260925/us-east-1/sqs/aws4_request, Signature=0");
            iam.signer(&HeaderMap::from_iter([(AUTHORIZATION, credential.parse().unwrap())])).is_some()
        };
        assert!(signer("local.F"));
        assert!(!signer("local") && !signer("local.G"));
        assert!(iam.signer(&HeaderMap::new()).is_none());
    }

    #[test]
    fn a_policy_that_cannot_be_evaluated_is_named() {
        let condition = json!({ "Bool": { "aws:SecureTransport": "true" } });
        let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition });
        let error = iam(&[statement]).unwrap_err();
        let expected = "a policy of the function F cannot be evaluated: a Condition is not evaluated locally, but \
                        for ForAllValues:StringLike of dynamodb:LeadingKeys";
        assert_eq!(error, expected);
    }
}
