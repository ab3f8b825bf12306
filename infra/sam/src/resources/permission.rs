//! `AWS::Lambda::Permission`: which functions an API may invoke.
//!
//! "Permissions for Lambda functions" in API Gateway's developer guide: the source is an ARN of
//! `execute-api`, whose first part after the account is the API's id. Nothing is refused locally for
//! want of a permission, so a permission that cannot be read is passed over.

use std::collections::{BTreeMap, BTreeSet};

use super::Created;
use crate::app::Function;
use crate::value::{Data, Value};

/// The logical ids of the functions that permissions let an API invoke.
pub(super) fn permitted(
    created: &[Created<'_>],
    api_id: &str,
    functions: &BTreeMap<String, Function>,
) -> BTreeSet<String> {
    let permissions = created.iter().filter(|created| created.resource.kind == "AWS::Lambda::Permission");
    let of_api = permissions.filter(|permission| {
        text(&permission.value, "SourceArn").and_then(source_api).is_some_and(|id| id == api_id)
    });
    let function = |permission: &Created<'_>| {
        let name = text(&permission.value, "FunctionName")?;
        let is_meant =
            |function: &&Function| name == function.name || name.split(':').any(|part| part == function.name);
        Some(functions.values().find(is_meant)?.logical_id.clone())
    };
    of_api.filter_map(function).collect()
}

/// The API's id in `arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/$connect`.
fn source_api(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.by_ref().nth(2)?;
    let resource = parts.nth(2)?;
    (service == "execute-api").then(|| resource.split('/').next().unwrap_or_default())
}

fn text<'a>(properties: &'a Value, name: &str) -> Option<&'a str> {
    let Data::Map(members) = &properties.data else { return None };
    match &members.iter().find(|member| member.key == name)?.value.data {
        Data::Text(scalar) => Some(&scalar.text),
        _ => None,
    }
}
