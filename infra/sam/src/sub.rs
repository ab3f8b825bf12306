//! The text of `Fn::Sub`, cut at its `${…}`.

/// A piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// As it is, `${!Literal}` written as `${Literal}`.
    Text(String),
    /// `${Name}` or `${Name.Attribute}`.
    Name(&'a str),
}

/// Cuts the text, or says in words which `${…}` is not a name.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        // An opening that is never closed is text.
        let Some((name, after)) = after.split_once('}') else { break };
        push_text(&mut pieces, before);
        match name.strip_prefix('!') {
            Some(literal) => push_text(&mut pieces, &format!("${{{literal}}}")),
            None if is_name(name) => pieces.push(Piece::Name(name)),
            None => {
                return Err(format!(
                    "`${{{name}}}` is not a name; text that only looks like one is written `${{!{name}}}`"
                ));
            }
        }
        rest = after;
    }
    push_text(&mut pieces, rest);
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<Piece<'_>>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        Some(Piece::Name(_)) | None if !text.is_empty() => pieces.push(Piece::Text(text.to_owned())),
        Some(Piece::Name(_)) | None => {}
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces};

    fn check(text: &str, expected: &[Piece<'_>]) {
        assert_eq!(pieces(text).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn text_is_cut_at_its_names() {
        check("", &[]);
        check("plain $ {text}", &[Piece::Text("plain $ {text}".into())]);
        check("${A}", &[Piece::Name("A")]);
        check(
            "a${B.C}d${AWS::Region}",
            &[
                Piece::Text("a".into()),
                Piece::Name("B.C"),
                Piece::Text("d".into()),
                Piece::Name("AWS::Region"),
            ],
        );
        check("a${!B}c", &[Piece::Text("a${B}c".into())]);
        check("a${B", &[Piece::Text("a${B".into())]);
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        assert!(pieces("${a b}").unwrap_err().contains("`${!a b}`"));
        assert!(pieces("${}").is_err());
    }
}
