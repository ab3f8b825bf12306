//! Which log groups are meant.

use aws_sdk_cloudwatchlogs::Client;

use super::{TailError, refused};

/// Groups that are shown together when none is named.
const MAX_GROUPS: usize = 50;

/// The groups that the names mean; all when there are no names.
pub(crate) async fn find(client: &Client, names: &[String]) -> Result<Vec<String>, TailError> {
    let mut pages = client.describe_log_groups().into_paginator().items().send();
    let mut known = Vec::new();
    while let Some(group) = pages.next().await {
        known.extend(group.map_err(|error| refused(&error))?.log_group_name);
    }
    meant(&known, names)
}

fn meant(known: &[String], names: &[String]) -> Result<Vec<String>, TailError> {
    if names.is_empty() && known.len() > MAX_GROUPS {
        return Err(TailError::TooManyGroups(known.len()));
    }
    let mut found: Vec<String> = if names.is_empty() { known.to_vec() } else { Vec::new() };
    for name in names {
        let of_name: Vec<_> = if known.contains(name) {
            vec![name.clone()]
        } else {
            let part = name.to_lowercase();
            known.iter().filter(|group| group.to_lowercase().contains(&part)).cloned().collect()
        };
        if of_name.is_empty() {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(TailError::NoGroup { name: name.clone(), known });
        }
        found.extend(of_name);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expected: Result<&[&str], &str>) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let known = owned(&["/aws/lambda/a-Chat", "/aws/lambda/a-Connect", "access"]);
        let found = meant(&known, &owned(names)).map_err(|error| error.to_string());
        assert_eq!(found, expected.map(owned).map_err(str::to_owned));
    }

    #[test]
    fn names_are_whole_or_a_part_in_any_case() {
        check(&[], Ok(&["/aws/lambda/a-Chat", "/aws/lambda/a-Connect", "access"]));
        check(&["chat"], Ok(&["/aws/lambda/a-Chat"]));
        check(&["/aws/lambda/a-Connect", "a-c"], Ok(&["/aws/lambda/a-Chat", "/aws/lambda/a-Connect"]));
        let known = "/aws/lambda/a-Chat, /aws/lambda/a-Connect, access";
        check(&["x"], Err(&format!("no log group's name has `x` in it; there are: {known}")));
    }
}
