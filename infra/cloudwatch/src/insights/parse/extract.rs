//! The command `parse` in its ways, and `json field=…`.

use super::Parser;
use crate::insights::ast::{Alias, Parse, ParseBy};
use crate::insights::error::{Compiled, Fault};
use crate::insights::lexer::{self, Kind};

/// Fields that one `parse` may make.
const MOST_ALIASES: usize = 200;

impl Parser<'_> {
    pub(super) fn parse_command(&mut self) -> Compiled<Parse> {
        let of = match &self.token.kind {
            // `parse logfmt as x` reads the message; a field of that name needs backticks.
            Kind::Name(name) if !name.is("logfmt") && !name.is("csv") => Some(self.field()?),
            _ => None,
        };
        let by = self.parse_way()?;
        let mut parse = Parse { of, by, aliases: Vec::new() };
        if self.take_word("as")? {
            parse.aliases = self.list(Self::alias)?;
        }
        if let ParseBy::Regex { multi, .. } = &mut parse.by {
            *multi = *multi || self.take_word("multi")?;
        }
        self.check(&parse)?;
        Ok(parse)
    }

    fn parse_way(&mut self) -> Compiled<ParseBy> {
        if self.take_word("logfmt")? {
            return Ok(ParseBy::Logfmt);
        }
        if self.take_word("csv")? {
            return Ok(ParseBy::Csv);
        }
        let span = self.token.span.clone();
        match self.token.kind.clone() {
            Kind::Text(glob) => {
                self.advance()?;
                Ok(ParseBy::Glob(glob, span))
            }
            Kind::Symbol("/") => {
                let (pattern, end) = lexer::regex(self.query, span.start)?;
                self.jump(end)?;
                let multi = self.take_word("multi")?;
                Ok(ParseBy::Regex { pattern, span: span.start..end, multi })
            }
            _ => Err(self.unexpected("a pattern in quotes, a regular expression, logfmt or csv")),
        }
    }

    fn check(&self, parse: &Parse) -> Compiled<()> {
        let count = parse.aliases.len();
        let here = self.token.span.clone();
        if count > MOST_ALIASES {
            return Err(Fault::new(here, format!("parse makes at most {MOST_ALIASES} fields")));
        }
        match &parse.by {
            ParseBy::Glob(glob, span) => {
                let stars = glob.matches('*').count();
                if stars == count { Ok(()) } else { Err(uneven(span.clone(), stars, count)) }
            }
            ParseBy::Logfmt if count != 1 => Err(self.unexpected("'as' and one name")),
            ParseBy::Csv if count == 0 => Err(self.unexpected("'as' and the names of the columns")),
            _ => Ok(()),
        }
    }

    /// `json field=f "a.b" as x`, after `json`.
    pub(super) fn json_field(&mut self) -> Compiled<Parse> {
        self.expect_word("field")?;
        self.expect("=")?;
        let of = self.field()?;
        let (path, _) = self.text("a path in quotes")?;
        self.expect_word("as")?;
        let alias: Alias = self.alias()?;
        Ok(Parse { of: Some(of), by: ParseBy::Json(path), aliases: vec![alias] })
    }
}

fn uneven(span: std::ops::Range<usize>, stars: usize, names: usize) -> Fault {
    Fault::new(span, format!("the pattern has {stars} '*' and {names} names: they must be as many"))
}
