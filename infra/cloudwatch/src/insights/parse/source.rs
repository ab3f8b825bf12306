//! `SOURCE` in its ways.

use super::Parser;
use crate::insights::error::{Compiled, Fault};
use crate::insights::lexer::Kind;
use crate::insights::source::{Selection, Source, TagFilter};

/// Prefixes of names, tags, and values of a tag, in one `SOURCE` (SOURCE page).
const MOST: usize = 5;

/// Accounts in one `SOURCE` (SOURCE page).
const MOST_ACCOUNTS: usize = 20;

impl Parser<'_> {
    pub(super) fn source(&mut self) -> Compiled<Source> {
        if let Kind::Text(name) = &self.token.kind {
            let name = name.clone();
            self.advance()?;
            return Ok(Source::Group(name));
        }
        let mut selection = Selection::default();
        let mut some = false;
        loop {
            let span = self.token.span.clone();
            match self.word().map(str::to_lowercase).as_deref() {
                Some("loggroups") => self.log_groups(&mut selection)?,
                Some("loggrouptags") => self.log_group_tags(&mut selection)?,
                Some("datasource") => {
                    let message = "dataSource is not available here: local log groups have no data source";
                    return Err(Fault::new(span, message));
                }
                _ if some => return Ok(Source::Groups(selection)),
                _ => {
                    return Err(self.unexpected("a log group in quotes, logGroups(…) or logGroupTags(…)"));
                }
            }
            some = true;
        }
    }

    /// `logGroups(namePrefix: ['a', 'b'], class: ['STANDARD'])`
    fn log_groups(&mut self, selection: &mut Selection) -> Compiled<()> {
        self.advance()?;
        self.expect("(")?;
        if self.take(")")? {
            return Ok(());
        }
        loop {
            let span = self.token.span.clone();
            let word = self.word().map(str::to_lowercase).unwrap_or_default();
            let (list, most) = match word.as_str() {
                "nameprefix" => (&mut selection.prefixes, MOST),
                "accountidentifier" | "accountidentifiers" => (&mut selection.accounts, MOST_ACCOUNTS),
                "class" | "loggroupclass" => (&mut selection.classes, MOST),
                _ => return Err(self.unexpected("namePrefix, accountIdentifier or class")),
            };
            *list = self.texts_of(&word, most)?;
            let known = |class: &String| matches!(class.as_str(), "STANDARD" | "INFREQUENT_ACCESS");
            if !selection.classes.iter().all(known) {
                let message = "a class is 'STANDARD' or 'INFREQUENT_ACCESS'";
                return Err(Fault::new(span.start..self.end, message));
            }
            if !self.take(",")? {
                return self.expect(")");
            }
        }
    }

    /// `: ['a', 'b']` after a word. The lexer has no colon: only here the language has one.
    fn texts_of(&mut self, word: &str, most: usize) -> Compiled<Vec<String>> {
        let span = self.token.span.clone();
        let rest = self.query.get(span.end..).unwrap_or_default();
        let after = rest.trim_start();
        if !after.starts_with(':') {
            return Err(Fault::new(span, format!("{word} needs a ':' and a list in brackets")));
        }
        self.jump(span.end + rest.len() - after.len() + 1)?;
        let at = self.token.span.clone();
        self.expect("[")?;
        let texts = self.list(|parser| Ok(parser.text("a text in quotes")?.0))?;
        self.expect("]")?;
        if texts.len() > most {
            return Err(Fault::new(at.start..self.end, format!("this list takes at most {most} texts")));
        }
        Ok(texts)
    }

    /// `logGroupTags([{"key": "team", "values": ["a", "b*", "!c"]}])`: the list is JSON.
    fn log_group_tags(&mut self, selection: &mut Selection) -> Compiled<()> {
        self.advance()?;
        if !self.is("(") {
            return Err(self.unexpected("'('"));
        }
        let start = self.token.span.end;
        let rest = self.query.get(start..).unwrap_or_default();
        let mut list = serde_json::Deserializer::from_str(rest).into_iter::<Vec<TagFilter>>();
        let Some(Ok(tags)) = list.next() else {
            let message = r#"logGroupTags takes a list such as [{"key": "team", "values": ["a"]}]"#;
            return Err(Fault::new(self.token.span.clone(), message));
        };
        let end = start + list.byte_offset();
        if tags.len() > MOST || tags.iter().any(|tag| tag.values.len() > MOST) {
            let message = format!("logGroupTags takes at most {MOST} tags with {MOST} values each");
            return Err(Fault::new(start..end, message));
        }
        selection.tags = tags;
        self.jump(end)?;
        self.expect(")")
    }
}
