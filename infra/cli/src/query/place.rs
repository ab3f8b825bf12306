//! The place of an error in a query.

use aws_sdk_cloudwatchlogs::types::error::MalformedQueryException;

/// What is wrong, then the line of the query with carets under the place.
pub(super) fn describe(query: &str, fault: &MalformedQueryException) -> String {
    let error = fault.query_compile_error();
    let message =
        error.and_then(|error| error.message()).or(fault.message()).unwrap_or("the query is malformed");
    let location = error.and_then(|error| error.location());
    let offset = |offset: Option<i32>| offset.and_then(|offset| usize::try_from(offset).ok());
    let start = location.and_then(|location| offset(location.start_char_offset()));
    let end = location.and_then(|location| offset(location.end_char_offset()));
    match start {
        Some(start) => format!("{message}\n{}", marked(query, start, end.unwrap_or(start))),
        None => message.to_owned(),
    }
}

/// The line of a place (offsets in characters), and carets under it: one at least, and none beyond
/// the line's end.
fn marked(query: &str, start: usize, end: usize) -> String {
    let mut first = 0;
    let mut shown = ("", 0);
    for line in query.split('\n') {
        shown = (line, first);
        let length = line.chars().count();
        if start <= first + length {
            break;
        }
        first += length + 1;
    }
    let (line, first) = shown;
    let length = line.chars().count();
    let from = start.saturating_sub(first).min(length);
    let to = end.saturating_sub(first).min(length);
    // A tab is as wide in both lines.
    let indent: String = line.chars().take(from).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    format!("  {line}\n  {indent}{}", "^".repeat(to.saturating_sub(from).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_the_place() {
        let check = |query: &str, start, end, expected: &str| assert_eq!(marked(query, start, end), expected);
        check("fields a | sotr b", 11, 15, "  fields a | sotr b\n             ^^^^");
        check("fields ü\n\t| sotr b\n| limit 1", 12, 16, "  \t| sotr b\n  \t  ^^^^");
        check("fields", 6, 6, "  fields\n        ^");
        check("a\nb", 0, 3, "  a\n  ^");
        check("", 5, 9, "  \n  ^");
    }
}
