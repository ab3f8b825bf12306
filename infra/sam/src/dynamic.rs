//! Dynamic references to Systems Manager's Parameter Store: `{{resolve:ssm:NAME}}` and
//! `{{resolve:ssm:NAME:VERSION}}`.
//!
//! CloudFormation user guide, "Get a plaintext value from AWS Systems Manager Parameter Store": a
//! text may have several, beside other text; without a version it is the latest. There is one
//! version here: what the settings give.

use std::collections::BTreeMap;

use crate::value::{Data, Member, Value};

const OPEN: &str = "{{resolve:ssm:";
const CLOSE: &str = "}}";

/// The value with every reference in it resolved; a text with one that is not known is not known.
pub(crate) fn resolve(value: Value, store: &BTreeMap<String, String>) -> Value {
    let at = value.at;
    let data = match value.data {
        Data::Text(scalar) if scalar.text.contains(OPEN) => match text(&scalar.text, store) {
            Ok(text) => return Value::text(at, text),
            Err(unknown) => Data::Unavailable(unknown),
        },
        Data::Seq(items) => Data::Seq(items.into_iter().map(|item| resolve(item, store)).collect()),
        Data::Map(members) => {
            let resolved = |member: Member| Member { value: resolve(member.value, store), ..member };
            Data::Map(members.into_iter().map(resolved).collect())
        }
        other => other,
    };
    Value { at, data }
}

fn text(text: &str, store: &BTreeMap<String, String>) -> Result<String, String> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((reference, after)) = after.split_once(CLOSE) else { break };
        let name = match reference.rsplit_once(':') {
            Some((name, version)) if version.parse::<u64>().is_ok() => name,
            _ => reference,
        };
        let value = store.get(name).ok_or_else(|| {
            format!("the parameter `{name}` is kept in Systems Manager, which is not run locally: give it a value, `--ssm {name}=…`")
        })?;
        resolved.push_str(before);
        resolved.push_str(value);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}
