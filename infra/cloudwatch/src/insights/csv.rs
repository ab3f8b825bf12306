//! Comma-separated values of several rows (RFC 4180).

/// The rows of a text; `None` when a quote is not closed. Empty lines are no rows.
pub(super) fn rows(text: &str) -> Option<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut chars = text.chars().peekable();
    // A quote opens a cell only at its start.
    let mut fresh = true;
    while let Some(found) = chars.next() {
        match found {
            '"' if fresh => quoted(&mut chars, &mut cell)?,
            ',' => row.push(std::mem::take(&mut cell)),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                if !row.is_empty() || !cell.is_empty() || !fresh {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
            }
            other => cell.push(other),
        }
        fresh = matches!(found, ',' | '\n') || (found == '\r' && fresh);
    }
    if !row.is_empty() || !cell.is_empty() || !fresh {
        row.push(cell);
        rows.push(row);
    }
    Some(rows)
}

/// The inside of quotes, after the first one.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, cell: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '"' if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => return Some(()),
            other => cell.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        let found = rows(text).unwrap();
        assert_eq!(found, expected.iter().map(|row| row.to_vec()).collect::<Vec<_>>(), "{text:?}");
    }

    #[test]
    fn cells_may_have_quotes_commas_and_lines() {
        check("a,b\n1,2\n", &[&["a", "b"], &["1", "2"]]);
        check("a,b\r\n1,\r\n,\r\n", &[&["a", "b"], &["1", ""], &["", ""]]);
        check("\"a,\"\"x\"\"\n\",b", &[&["a,\"x\"\n", "b"]]);
        check("a\n\n\n\"\"\nb", &[&["a"], &[""], &["b"]]);
        check("a \"b\",c", &[&["a \"b\"", "c"]]);
        check("", &[]);
        assert_eq!(rows("a,\"b"), None);
    }
}
