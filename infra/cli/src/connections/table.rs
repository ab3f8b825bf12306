//! Which table is the service's.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};

/// Why no table is meant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TableError {
    #[error("DynamoDB refused: {0}")]
    Refused(String),
    #[error("there is no table{named}; there are: {known}", named = with_name(.0), known = .1)]
    None(String, String),
    #[error("more than one table may be meant, name one of them with --table: {0}")]
    Many(String),
}

fn with_name(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" whose name has `{name}` in it") }
}

/// The table with this name, or the only one that has it in its name.
pub(super) async fn find(client: &Client, name: Option<&str>) -> Result<String, TableError> {
    let mut pages = client.list_tables().into_paginator().items().send();
    let mut known = Vec::new();
    while let Some(table) = pages.next().await {
        known.push(table.map_err(|error| {
            let said =
                error.code().map(|code| format!("{code}: {}", error.message().unwrap_or("no more is said")));
            TableError::Refused(said.unwrap_or_else(|| DisplayErrorContext(&error).to_string()))
        })?);
    }
    meant(&known, name.unwrap_or_default())
}

fn meant(known: &[String], name: &str) -> Result<String, TableError> {
    if known.iter().any(|table| table == name) {
        return Ok(name.to_owned());
    }
    let part = name.to_lowercase();
    let found: Vec<&str> =
        known.iter().map(String::as_str).filter(|table| table.to_lowercase().contains(&part)).collect();
    match found[..] {
        [table] => Ok(table.to_owned()),
        [] => {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(TableError::None(name.to_owned(), known))
        }
        _ => Err(TableError::Many(found.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(known: &[&str], name: &str, expected: Result<&str, &str>) {
        let known: Vec<_> = known.iter().map(|name| (*name).to_owned()).collect();
        let found = meant(&known, name).map_err(|error| error.to_string());
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn a_table_is_meant_by_its_name_or_a_part_of_it() {
        check(&["chat-Table-1"], "", Ok("chat-Table-1"));
        check(&["chat-Table-1", "other"], "CHAT", Ok("chat-Table-1"));
        check(&["a", "ab"], "a", Ok("a"));
        check(
            &["a", "ab"],
            "",
            Err("more than one table may be meant, name one of them with --table: a, ab"),
        );
        check(&["a"], "x", Err("there is no table whose name has `x` in it; there are: a"));
        check(&[], "", Err("there is no table; there are: none"));
    }
}
