//! A quick look at a document: where its members are, without building anything of them.
//!
//! It vouches for plain documents only. Whatever is wrong, or only unusual, is left to a reader
//! that knows every rule.

use super::MAX_BYTES;

/// Containers in containers that are followed; far fewer than a JSON reader follows.
const DEEPEST: usize = 64;

/// Members for which there is room at once: more than a usual wide event has.
const USUAL: usize = 48;

/// Bytes of a number that is surely finite.
const LONGEST_NUMBER: usize = 64;

/// A member's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Piece<'a> {
    /// A string without escapes.
    Text(&'a str),
    /// A number, as it is written.
    Number(&'a str),
    /// Anything else.
    Other,
}

/// A plain document: JSON to its last byte, with a time and a list of directives.
#[derive(Debug, PartialEq)]
pub(super) struct Plain<'a> {
    members: Vec<(&'a str, Piece<'a>)>,
    /// `_aws.Timestamp`.
    pub(super) timestamp: i64,
    /// `_aws.CloudWatchMetrics`, as it is written.
    pub(super) directives: &'a str,
}

impl<'a> Plain<'a> {
    /// Reads a line; `None` leaves it to others.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        if line.len() > MAX_BYTES {
            return None;
        }
        let mut scan = Scan { text: line, at: 0 };
        let mut members = Vec::with_capacity(USUAL);
        let mut metadata = None;
        scan.members(0, |scan, key| {
            let piece = if key == "_aws" {
                metadata = Some(scan.metadata()?);
                Piece::Other
            } else {
                scan.value(1)?
            };
            members.push((key, piece));
            Some(())
        })?;
        scan.space();
        let (timestamp, directives) = metadata?;
        (scan.at == line.len()).then_some(Self { members, timestamp, directives })
    }

    /// A member; of several with one name the last, as JSON readers do.
    pub(super) fn get(&self, name: &str) -> Option<Piece<'a>> {
        self.members.iter().rev().find(|(key, _)| *key == name).map(|(_, piece)| *piece)
    }
}

/// A place in a text. Every method that returns `None` met what is not plain.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes a byte when it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The members of an object, each of whose values is to be taken.
    fn members(
        &mut self,
        depth: usize,
        mut member: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        if depth > DEEPEST || !self.take(b'{') {
            return None;
        }
        if self.take(b'}') {
            return Some(());
        }
        loop {
            self.space();
            let (key, false) = self.string()? else { return None };
            if !self.take(b':') {
                return None;
            }
            member(self, key)?;
            if !self.take(b',') {
                return self.take(b'}').then_some(());
            }
        }
    }

    /// Timestamp and directives out of the metadata.
    fn metadata(&mut self) -> Option<(i64, &'a str)> {
        let (mut timestamp, mut directives) = (None, None);
        self.members(1, |scan, key| {
            scan.space();
            let start = scan.at;
            let piece = scan.value(2)?;
            match (key, piece) {
                ("Timestamp", Piece::Number(number)) => timestamp = Some(number.parse().ok()?),
                ("Timestamp", _) => return None,
                ("CloudWatchMetrics", _) => directives = scan.text.get(start..scan.at),
                _ => {}
            }
            Some(())
        })?;
        Some((timestamp?, directives?))
    }

    fn value(&mut self, depth: usize) -> Option<Piece<'a>> {
        self.space();
        match self.byte()? {
            b'"' => {
                let (text, escaped) = self.string()?;
                Some(if escaped { Piece::Other } else { Piece::Text(text) })
            }
            b'{' => {
                self.members(depth, |scan, _| scan.value(depth + 1).map(|_| ()))?;
                Some(Piece::Other)
            }
            b'[' => self.list(depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number().map(Piece::Number),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Piece<'a>> {
        self.at += 1;
        if depth > DEEPEST {
            return None;
        }
        if !self.take(b']') {
            loop {
                self.value(depth + 1)?;
                if !self.take(b',') {
                    break;
                }
            }
            if !self.take(b']') {
                return None;
            }
        }
        Some(Piece::Other)
    }

    fn word(&mut self, word: &str) -> Option<Piece<'a>> {
        let found = self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(Piece::Other)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// A number without an exponent.
    fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let ends = matches!(self.byte(), Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
        (ends && self.at - start <= LONGEST_NUMBER).then(|| self.text.get(start..self.at)).flatten()
    }

    /// A string without its quotes, and whether it has escapes.
    fn string(&mut self) -> Option<(&'a str, bool)> {
        if self.byte() != Some(b'"') {
            return None;
        }
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += special(rest)?;
            match self.byte()? {
                b'"' => {
                    let text = self.text.get(start..self.at)?;
                    self.at += 1;
                    return Some((text, escaped));
                }
                b'\\' => {
                    // Half of a surrogate pair would be wrong: others look at `\u`.
                    let next = self.text.as_bytes().get(self.at + 1)?;
                    if !matches!(next, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') {
                        return None;
                    }
                    escaped = true;
                    self.at += 2;
                }
                // Control characters are written as escapes.
                _ => return None,
            }
        }
    }
}

/// The place of the first quote, backslash or control character: eight bytes at a time.
fn special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // The lowest marked byte has what is looked for; those above it may be marked wrongly.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    for (word, at) in words.iter().zip((0..).step_by(8)) {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let escape = below(word ^ (ONES * u64::from(b'\\')), 1);
        let found = quote | escape | below(word, 0x20);
        if found != 0 {
            return usize::try_from(found.trailing_zeros() / 8).ok().map(|place| at + place);
        }
    }
    let before = bytes.len() - tail.len();
    tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).map(|place| before + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document with these further members, and one of them.
    #[track_caller]
    fn check(members: &str, name: &str, expected: Option<Piece<'_>>) {
        let line = format!(r#"{{"_aws":{{"Timestamp":5,"CloudWatchMetrics":[1]}}{members}}}"#);
        let plain = Plain::read(&line).unwrap_or_else(|| panic!("{line} is plain"));
        assert_eq!((plain.timestamp, plain.directives), (5, "[1]"));
        assert_eq!(plain.get(name), expected, "{name} of {line}");
        // What is plain is JSON.
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
    }

    #[test]
    fn members_are_where_they_stand() {
        check(r#","a":"text","b":1.5"#, "a", Some(Piece::Text("text")));
        check(r#" , "a" : -12.25 ,"b":{"a":[{},[],"x"]}"#, "a", Some(Piece::Number("-12.25")));
        check(r#","a":1,"a":"later""#, "a", Some(Piece::Text("later")));
        check(r#","a":[1,2]"#, "a", Some(Piece::Other));
        check(r#","a":"a \"b\" \\ c""#, "a", Some(Piece::Other));
        check(
            r#","ä":"größer als acht Bytes","c":null,"d":true"#,
            "ä",
            Some(Piece::Text("größer als acht Bytes")),
        );
        check("", "a", None);
    }

    #[test]
    fn others_look_at_what_is_not_plain() {
        let line = |rest: &str| format!(r#"{{"_aws":{{"Timestamp":5,"CloudWatchMetrics":[1]}}{rest}"#);
        for rest in [
            "",
            "} x",
            r#","a":1e5}"#,
            r#","a":01}"#,
            r#","a":1.}"#,
            r#","a":-}"#,
            r#","a":tru}"#,
            r#","a":"\u0041"}"#,
            r#","a":"\x"}"#,
            r#","a\n":1}"#,
            ",\"a\":\"tab\tin it\"}",
            r#","a":[1,]}"#,
            r#","a":"open}"#,
            r#","_aws":5}"#,
            &format!(r#","a":{}1{}}}"#, "[".repeat(DEEPEST + 1), "]".repeat(DEEPEST + 1)),
            &format!(r#","a":{}}}"#, "1".repeat(LONGEST_NUMBER + 1)),
        ] {
            assert_eq!(Plain::read(&line(rest)), None, "{rest}");
        }
        assert_eq!(Plain::read(r#"{"_aws":{"Timestamp":"5","CloudWatchMetrics":[]}}"#), None);
        assert_eq!(Plain::read(r#"{"_aws":{"Timestamp":5}}"#), None);
        assert_eq!(Plain::read(r#"{"a":1}"#), None);
    }
}
