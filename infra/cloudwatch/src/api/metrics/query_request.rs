//! Requests of the Query protocol: a form whose names are paths, `MetricData.member.1.Value`.

use super::error::ApiError;
use crate::document::{Document, Members};

/// How many names a path may have.
const MAX_DEPTH: usize = 32;

/// The operation and the input of a form.
pub(super) fn decode(body: &[u8]) -> Result<(String, Document), ApiError> {
    let mut operation = String::new();
    let mut root = Members::new();
    for (path, value) in form_urlencoded::parse(body) {
        match path.as_ref() {
            "Action" => operation = value.into_owned(),
            "Version" => {}
            path if path.split('.').count() > MAX_DEPTH => {
                return Err(ApiError::serialization(format!("The parameter {path} has too many parts.")));
            }
            path => insert(&mut root, path, value.into_owned())?,
        }
    }
    Ok((operation, lists(Document::Map(root))))
}

fn insert(members: &mut Members, path: &str, value: String) -> Result<(), ApiError> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let index = members.iter().position(|(member, _)| member == name).unwrap_or_else(|| {
        members.push((name.to_owned(), Document::Map(Vec::new())));
        members.len() - 1
    });
    let Some((_, member)) = members.get_mut(index) else { return Ok(()) };
    match (rest, member) {
        (None, member) => *member = Document::Text(value),
        (Some(rest), Document::Map(inner)) => insert(inner, rest, value)?,
        (Some(_), _) => {
            return Err(ApiError::serialization(format!("The parameter {name} has a value and members.")));
        }
    }
    Ok(())
}

/// Makes lists of what has nothing but numbered members.
fn lists(document: Document) -> Document {
    let Document::Map(members) = document else { return document };
    if let [(name, Document::Map(items))] = members.as_slice()
        && name == "member"
    {
        let mut numbered: Vec<(u32, Document)> = items
            .iter()
            .map(|(number, item)| (number.parse().unwrap_or(u32::MAX), lists(item.clone())))
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        return Document::List(numbered.into_iter().map(|(_, item)| item).collect());
    }
    Document::Map(members.into_iter().map(|(name, value)| (name, lists(value))).collect())
}
