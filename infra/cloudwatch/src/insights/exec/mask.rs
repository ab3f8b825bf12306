//! A text cut into parts, with tokens for what is different each time.

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Part {
    /// Space and punctuation between words.
    Gap(String),
    Word(String),
    /// Something that varies: its kind.
    Token(&'static str),
}

impl Part {
    pub(super) fn is_gap(&self) -> bool {
        matches!(self, Self::Gap(_))
    }

    pub(super) fn is_level(&self) -> bool {
        let Self::Word(word) = self else { return false };
        ["trace", "debug", "info", "warn", "warning", "error", "fatal", "critical"]
            .iter()
            .any(|level| word.eq_ignore_ascii_case(level))
    }
}

/// Parts of one text that are told apart; the rest is one.
const MOST_PARTS: usize = 400;

/// The parts of a text.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if parts.len() >= MOST_PARTS {
            parts.push(Part::Token("Token"));
            break;
        }
        let word = rest.find(|found: char| !is_word(found)).unwrap_or(rest.len());
        let (length, part) = match (time_length(rest), word) {
            (Some(length), _) => (length, Part::Token("Time")),
            (None, 0) => {
                let gap = rest.find(is_word).unwrap_or(rest.len());
                (gap, Part::Gap(rest.get(..gap).unwrap_or_default().to_owned()))
            }
            (None, word) => (word, classify(rest.get(..word).unwrap_or_default())),
        };
        parts.push(part);
        rest = rest.get(length..).unwrap_or_default();
    }
    parts
}

/// The pattern: tokens are numbered in their order.
pub(super) fn display(parts: &[Part]) -> String {
    let mut tokens = 0;
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Gap(text) | Part::Word(text) => out.push_str(text),
            Part::Token(kind) => {
                tokens += 1;
                out.push_str(&format!("<{kind}-{tokens}>"));
            }
        }
    }
    out
}

fn is_word(found: char) -> bool {
    found.is_alphanumeric() || matches!(found, '_' | '-' | '.')
}

fn classify(word: &str) -> Part {
    let trimmed = word.trim_end_matches(['.', '-']);
    if word.parse::<std::net::Ipv4Addr>().is_ok() {
        Part::Token("IP")
    } else if trimmed.len() == 36 && is_id(trimmed) {
        Part::Token("UUID")
    } else if crate::insights::number::parse(word).is_some() {
        Part::Token("Number")
    } else if is_id(word) {
        Part::Token("ID")
    } else {
        Part::Word(word.to_owned())
    }
}

/// Eight characters or more with digits among them that no name has: hexadecimal, or many digits.
fn is_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    word.len() >= 8 && digits > 0 && (hexadecimal || digits * 2 >= word.len())
}

/// The length of a time at the start: `2026-08-01[T ]10:00:00[.123][Z|+00:00]`, or `10:00:00`.
fn time_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let fits = |at: usize, shape: &str| {
        bytes.get(at..at + shape.len()).is_some_and(|found| {
            found
                .iter()
                .zip(shape.bytes())
                .all(|(byte, wanted)| if wanted == b'0' { byte.is_ascii_digit() } else { *byte == wanted })
        })
    };
    let dates = ["0000-00-00T", "0000-00-00 ", "0000/00/00 "];
    let clock = if dates.iter().any(|date| fits(0, date)) { 11 } else { 0 };
    if !fits(clock, "00:00:00") {
        return None;
    }
    let mut at = clock + 8;
    if matches!(bytes.get(at), Some(b'.' | b',')) {
        let digits = bytes.get(at + 1..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        at += if digits > 0 { digits + 1 } else { 0 };
    }
    if bytes.get(at) == Some(&b'Z') {
        at += 1;
    } else if fits(at, "+00:00") || fits(at, "-00:00") {
        at += 6;
    }
    Some(at)
}
