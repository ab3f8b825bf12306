//! From an expression's text to its tokens.

use super::Fault;

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    /// An id, a function, or a word such as `REPEAT`.
    Name(String),
    /// What stands between quotes.
    Text(String),
    /// An operator, a bracket or a comma.
    Sign(&'static str),
}

/// The longer ones first: `<=` is not `<`.
const SIGNS: [&str; 20] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "{", "}",
];

/// The tokens, each with its place: characters from the beginning, the first is 1.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let at = text.chars().count() - rest.chars().count() + 1;
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, first).ok_or_else(|| Fault::new(at, "a quote is not closed"))?,
            '0'..='9' | '.' => number(rest).ok_or_else(|| Fault::new(at, "this is not a number"))?,
            letter if letter.is_ascii_alphabetic() || letter == '_' => name(rest),
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| Fault::new(at, format!("unexpected `{first}`")))?;
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push((at, token));
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn quoted(rest: &str, quote: char) -> Option<(Token, usize)> {
    let inside = rest.get(1..)?;
    let end = inside.find(quote)?;
    Some((Token::Text(inside.get(..end)?.to_owned()), end + 2))
}

fn number(rest: &str) -> Option<(Token, usize)> {
    let mut end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
    // An exponent: `1e3`, `2E-5`.
    let after = rest.get(end..)?;
    if let Some(exponent) = after.strip_prefix(['e', 'E']) {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        if length > 0 {
            end += after.len() - digits.len() + length;
        }
    }
    let number: f64 = rest.get(..end)?.parse().ok()?;
    number.is_finite().then_some((Token::Number(number), end))
}

fn name(rest: &str) -> (Token, usize) {
    let end =
        rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
    (Token::Name(rest.get(..end).unwrap_or_default().to_owned()), end)
}
