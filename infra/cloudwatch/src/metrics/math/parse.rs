//! From tokens to an expression.

use std::collections::BTreeSet;

use super::Fault;
use super::token::{Token, tokens};

/// How deep expressions may be nested.
const MAX_DEPTH: usize = 64;

/// An expression and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expression {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    Text(String),
    /// A query's id: it begins with a small letter.
    Id(String),
    /// A word that is none, such as `REPEAT`.
    Word(String),
    Array(Vec<Expression>),
    Negate(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

impl Operator {
    /// The operator of a token and how strongly it binds.
    fn of(token: &Token) -> Option<(Self, u8)> {
        Some(match token {
            Token::Sign("||") => (Self::Or, 1),
            Token::Sign("&&") => (Self::And, 2),
            Token::Name(name) if name == "OR" => (Self::Or, 1),
            Token::Name(name) if name == "AND" => (Self::And, 2),
            Token::Sign("==") => (Self::Equal, 3),
            Token::Sign("!=") => (Self::NotEqual, 3),
            Token::Sign("<=") => (Self::LessOrEqual, 3),
            Token::Sign(">=") => (Self::GreaterOrEqual, 3),
            Token::Sign("<") => (Self::Less, 3),
            Token::Sign(">") => (Self::Greater, 3),
            Token::Sign("+") => (Self::Add, 4),
            Token::Sign("-") => (Self::Subtract, 4),
            Token::Sign("*") => (Self::Multiply, 5),
            Token::Sign("/") => (Self::Divide, 5),
            Token::Sign("^") => (Self::Power, 7),
            _ => return None,
        })
    }
}

/// How strongly a minus sign binds: `-a ^ b` is `-(a ^ b)`.
const MINUS: u8 = 6;

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Expression, Fault> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, next: 0, end: text.chars().count() + 1, depth: 0 };
    let expression = parser.binary(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.unexpected("the end")),
    }
}

impl Expression {
    /// The ids that it uses.
    pub(crate) fn ids(&self) -> BTreeSet<&str> {
        let mut ids = BTreeSet::new();
        self.visit(&mut |expression| {
            if let Kind::Id(id) = &expression.kind {
                ids.insert(id.as_str());
            }
        });
        ids
    }

    /// The functions that it calls.
    pub(crate) fn functions(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.visit(&mut |expression| {
            if let Kind::Call(name, _) = &expression.kind {
                names.insert(name.as_str());
            }
        });
        names
    }

    fn visit<'a>(&'a self, visitor: &mut impl FnMut(&'a Self)) {
        visitor(self);
        match &self.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Id(_) | Kind::Word(_) => {}
            Kind::Array(items) | Kind::Call(_, items) => items.iter().for_each(|item| item.visit(visitor)),
            Kind::Negate(inner) => inner.visit(visitor),
            Kind::Binary(_, left, right) => {
                left.visit(visitor);
                right.visit(visitor);
            }
        }
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn take(&mut self, sign: &str) -> bool {
        let taken = matches!(self.peek(), Some(Token::Sign(seen)) if *seen == sign);
        self.next += usize::from(taken);
        taken
    }

    fn expect(&mut self, sign: &str) -> Result<(), Fault> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let seen = match self.peek() {
            None => "the end".to_owned(),
            Some(Token::Number(number)) => format!("`{number}`"),
            Some(Token::Name(name)) => format!("`{name}`"),
            Some(Token::Text(text)) => format!("`\"{text}\"`"),
            Some(Token::Sign(sign)) => format!("`{sign}`"),
        };
        Fault::new(self.at(), format!("expected {wanted}, found {seen}"))
    }

    /// Operands joined by operators that bind at least so strongly.
    fn binary(&mut self, least: u8) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(self.at(), "the expression is nested too deep"));
        }
        let mut left = self.operand()?;
        while let Some((operator, strength)) = self.peek().and_then(Operator::of) {
            if strength < least {
                break;
            }
            self.next += 1;
            let right = self.binary(strength + 1)?;
            left = Expression { at: left.at, kind: Kind::Binary(operator, Box::new(left), Box::new(right)) };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        if self.take("-") {
            let inner = self.binary(MINUS)?;
            return Ok(Expression { at, kind: Kind::Negate(Box::new(inner)) });
        }
        if self.take("(") {
            let inner = self.binary(0)?;
            self.expect(")")?;
            return Ok(Expression { at, ..inner });
        }
        if self.take("[") {
            return Ok(Expression { at, kind: Kind::Array(self.list("]")?) });
        }
        let kind = match self.peek() {
            Some(Token::Number(number)) => Kind::Number(*number),
            Some(Token::Text(text)) => Kind::Text(text.clone()),
            Some(Token::Name(name)) if name != "AND" && name != "OR" => self.named(name.clone()),
            _ => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        if let Kind::Word(name) = &kind
            && self.take("(")
        {
            return Ok(Expression { at, kind: Kind::Call(name.clone(), self.list(")")?) });
        }
        Ok(Expression { at, kind })
    }

    /// Ids begin with a small letter, functions and other words with a capital.
    fn named(&self, name: String) -> Kind {
        let call = matches!(self.tokens.get(self.next + 1), Some((_, Token::Sign("("))));
        let small = name.starts_with(|letter: char| letter.is_ascii_lowercase());
        if small && !call { Kind::Id(name) } else { Kind::Word(name) }
    }

    /// The rest of a list, up to its closing bracket.
    fn list(&mut self, close: &str) -> Result<Vec<Expression>, Fault> {
        let mut items = Vec::new();
        if self.take(close) {
            return Ok(items);
        }
        loop {
            items.push(self.binary(0)?);
            if self.take(close) {
                return Ok(items);
            }
            if !self.take(",") {
                return Err(self.unexpected(&format!("`,` or `{close}`")));
            }
        }
    }
}
