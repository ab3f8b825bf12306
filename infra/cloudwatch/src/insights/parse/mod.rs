//! From text to commands. Written by hand: an error says what was expected at which place.

mod commands;
mod expr;
mod extract;
mod newer;
mod source;

use super::ast::{Alias, Command, Span};
use super::error::{Compiled, Fault};
use super::lexer::{self, Kind, Name, Token};

/// Parentheses in parentheses that are followed.
const DEEPEST: usize = 40;

/// Operators, indexes and members below each other that an expression may have, besides `and` and
/// `or`: trees are walked by recursion.
const LONGEST: usize = 100;

/// The commands of a query.
pub(super) fn parse(query: &str) -> Compiled<Vec<Command>> {
    let mut parser = Parser::new(query)?;
    let commands = parser.pipeline()?;
    match parser.token.kind {
        Kind::End => Ok(commands),
        _ => Err(parser.unexpected("'|' or the end of the query")),
    }
}

/// The text and one token ahead.
struct Parser<'q> {
    query: &'q str,
    token: Token,
    /// One past the last token that was taken.
    end: usize,
    depth: usize,
    /// Operators of the expression that is being read.
    links: usize,
    /// Inside the parentheses of a subquery.
    inner: bool,
}

impl<'q> Parser<'q> {
    fn new(query: &'q str) -> Compiled<Self> {
        Ok(Self { query, token: lexer::token(query, 0)?, end: 0, depth: 0, links: 0, inner: false })
    }

    /// Commands and the bars between them.
    fn pipeline(&mut self) -> Compiled<Vec<Command>> {
        self.take("|")?;
        let mut commands = vec![self.command()?];
        while self.take("|")? {
            commands.push(self.command()?);
        }
        Ok(commands)
    }

    fn advance(&mut self) -> Compiled<Token> {
        self.end = self.token.span.end;
        let next = lexer::token(self.query, self.end)?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// Goes on after byte `end`, which a special reader has come to.
    fn jump(&mut self, end: usize) -> Compiled<()> {
        self.end = end;
        self.token = lexer::token(self.query, end)?;
        Ok(())
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.token.kind, Kind::Symbol(found) if found == symbol)
    }

    fn take(&mut self, symbol: &str) -> Compiled<bool> {
        let found = self.is(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &str) -> Compiled<()> {
        if self.take(symbol)? { Ok(()) } else { Err(self.unexpected(&format!("'{symbol}'"))) }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.token.kind, Kind::Name(name) if name.is(word))
    }

    fn take_word(&mut self, word: &str) -> Compiled<bool> {
        let found = self.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_word(&mut self, word: &str) -> Compiled<()> {
        if self.take_word(word)? { Ok(()) } else { Err(self.unexpected(&format!("'{word}'"))) }
    }

    /// The word that stands next, when it is bare and has no dots.
    fn word(&self) -> Option<&str> {
        match &self.token.kind {
            Kind::Name(Name { segments, quoted: false }) => match segments.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            _ => None,
        }
    }

    fn alias(&mut self) -> Compiled<Alias> {
        match &self.token.kind {
            Kind::Name(name) => {
                let alias = Alias { name: name.text(), span: self.token.span.clone() };
                self.advance()?;
                Ok(alias)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn text(&mut self, what: &str) -> Compiled<(String, Span)> {
        match &self.token.kind {
            Kind::Text(text) => {
                let found = (text.clone(), self.token.span.clone());
                self.advance()?;
                Ok(found)
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// A whole number that is not negative.
    fn count(&mut self) -> Compiled<usize> {
        let value = match self.token.kind {
            Kind::Number(value) if value.fract() == 0.0 => super::number::to_i64(value),
            _ => None,
        };
        match value.and_then(|value| usize::try_from(value).ok()) {
            Some(count) => {
                self.advance()?;
                Ok(count)
            }
            None => Err(self.unexpected("a whole number")),
        }
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Compiled<T>) -> Compiled<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.take(",")? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let found = match &self.token.kind {
            Kind::End => "the end of the query".to_owned(),
            _ => format!("'{}'", self.query.get(self.token.span.clone()).unwrap_or_default()),
        };
        Fault::new(self.token.span.clone(), format!("mismatched input {found}, expecting {expected}"))
    }
}
