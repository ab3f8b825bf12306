//! Expressions, by precedence: `or`, `and`, `not`, comparisons, `+ -`, `* / %`, `^`, sign.

use super::{DEEPEST, LONGEST, Parser};
use crate::insights::ast::{Alias, Expr, ExprKind, Item};
use crate::insights::error::{Compiled, Fault};
use crate::insights::lexer::{self, Kind};
use crate::insights::period::Period;

const COMPARISONS: [&str; 6] = ["=", "!=", "<=", ">=", "<", ">"];

impl Parser<'_> {
    /// An expression with an optional name. `fields strlen(x) y`, without `as`, is in one of AWS's
    /// own samples.
    pub(super) fn item(&mut self) -> Compiled<Item> {
        let expr = self.expr()?;
        let alias = if self.take_word("as")? { Some(self.alias()?) } else { None };
        Ok(Item { expr, alias })
    }

    pub(super) fn loose_item(&mut self) -> Compiled<Item> {
        let mut item = self.item()?;
        if item.alias.is_none() && matches!(self.token.kind, Kind::Name(_)) {
            item.alias = Some(self.alias()?);
        }
        Ok(item)
    }

    pub(super) fn expr(&mut self) -> Compiled<Expr> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(self.token.span.clone(), "this expression is nested too deeply"));
        }
        if self.depth == 1 {
            self.links = 0;
        }
        let found = self.or();
        self.depth -= 1;
        found
    }

    /// One more operator.
    fn link(&mut self) -> Compiled<()> {
        self.links += 1;
        if self.links > LONGEST {
            return Err(Fault::new(self.token.span.clone(), "this expression has too many operators"));
        }
        Ok(())
    }

    fn or(&mut self) -> Compiled<Expr> {
        let first = self.and()?;
        let mut rest = Vec::new();
        while self.take_word("or")? {
            rest.push(self.and()?);
        }
        Ok(balance("or", first, rest))
    }

    fn and(&mut self) -> Compiled<Expr> {
        let first = self.not()?;
        let mut rest = Vec::new();
        while self.take_word("and")? {
            rest.push(self.not()?);
        }
        Ok(balance("and", first, rest))
    }

    fn not(&mut self) -> Compiled<Expr> {
        let start = self.token.span.start;
        // A row of signs must not be a row of stack frames without end.
        let mut signs = 0_usize;
        while self.is_word("not") || self.is("!") {
            self.advance()?;
            signs += 1;
        }
        let mut found = self.comparison()?;
        if signs > 0 {
            found = wrap(start, found, ExprKind::Not);
        }
        if signs > 0 && signs.is_multiple_of(2) {
            found = wrap(start, found, ExprKind::Not);
        }
        Ok(found)
    }

    fn comparison(&mut self) -> Compiled<Expr> {
        let left = self.sum()?;
        if let Kind::Symbol(symbol) = self.token.kind
            && let Some(operator) = COMPARISONS.into_iter().find(|known| *known == symbol)
        {
            if let Some((url, end)) = lexer::bare_url(self.query, self.token.span.end) {
                let span = end - url.len()..end;
                self.jump(end)?;
                return Ok(binary(operator, left, Expr { kind: ExprKind::Text(url), span }));
            }
            self.advance()?;
            let right = self.sum()?;
            return Ok(binary(operator, left, right));
        }
        if self.is("=~") {
            let (pattern, end) = self.regex_after_token()?;
            self.jump(end)?;
            return Ok(like(left, pattern, false));
        }
        let negated = self.is_word("not");
        if negated {
            self.advance()?;
        }
        if self.is_word("like") {
            let (pattern, end) = self.regex_after_token()?;
            self.jump(end)?;
            return Ok(like(left, pattern, negated));
        }
        if self.take_word("in")? {
            return self.membership(left, negated);
        }
        if negated { Err(self.unexpected("'like' or 'in'")) } else { Ok(left) }
    }

    /// What follows `like` or `=~`: a regular expression, or an expression that gives text.
    fn regex_after_token(&mut self) -> Compiled<(Expr, usize)> {
        let next = lexer::token(self.query, self.token.span.end)?;
        if next.kind == Kind::Symbol("/") {
            let (regex, end) = lexer::regex(self.query, next.span.start)?;
            return Ok((Expr { kind: ExprKind::Regex(regex), span: next.span.start..end }, end));
        }
        self.advance()?;
        let found = self.sum()?;
        Ok((found, self.end))
    }

    fn membership(&mut self, of: Expr, negated: bool) -> Compiled<Expr> {
        if self.is("(") {
            return self.subquery(of, negated);
        }
        self.expect("[")?;
        let list = if self.is("]") { Vec::new() } else { self.list(Self::expr)? };
        self.expect("]")?;
        let span = of.span.start..self.end;
        Ok(Expr { kind: ExprKind::In { of: Box::new(of), list, negated }, span })
    }

    fn subquery(&mut self, of: Expr, negated: bool) -> Compiled<Expr> {
        let commands = self.inner_query()?;
        let span = of.span.start..self.end;
        Ok(Expr { kind: ExprKind::InQuery { of: Box::new(of), commands, negated }, span })
    }

    fn sum(&mut self) -> Compiled<Expr> {
        let mut left = self.product()?;
        loop {
            let Kind::Symbol(operator @ ("+" | "-")) = self.token.kind else { return Ok(left) };
            self.link()?;
            self.advance()?;
            let right = self.product()?;
            left = binary(operator, left, right);
        }
    }

    fn product(&mut self) -> Compiled<Expr> {
        let mut left = self.power()?;
        loop {
            let Kind::Symbol(operator @ ("*" | "/" | "%")) = self.token.kind else { return Ok(left) };
            self.link()?;
            self.advance()?;
            let right = self.power()?;
            left = binary(operator, left, right);
        }
    }

    fn power(&mut self) -> Compiled<Expr> {
        let mut found = self.signed()?;
        let mut bases = Vec::new();
        while self.take("^")? {
            self.link()?;
            bases.push(std::mem::replace(&mut found, self.signed()?));
        }
        // To the right: 2 ^ 3 ^ 2 is 2 ^ 9.
        while let Some(base) = bases.pop() {
            found = binary("^", base, found);
        }
        Ok(found)
    }

    fn signed(&mut self) -> Compiled<Expr> {
        let start = self.token.span.start;
        let mut negative = false;
        let mut signs = false;
        while self.is("-") || self.is("+") {
            negative ^= self.is("-");
            signs = true;
            self.advance()?;
        }
        let found = self.postfix()?;
        Ok(match (negative, found.kind) {
            (true, ExprKind::Number(value)) => {
                Expr { kind: ExprKind::Number(-value), span: start..found.span.end }
            }
            (true, kind) => wrap(start, Expr { kind, span: found.span }, ExprKind::Negate),
            (false, kind) => {
                Expr { kind, span: if signs { start } else { found.span.start }..found.span.end }
            }
        })
    }

    fn postfix(&mut self) -> Compiled<Expr> {
        let mut found = self.primary()?;
        loop {
            let start = found.span.start;
            if self.take("[")? {
                self.link()?;
                let index = self.count()?;
                self.expect("]")?;
                found = Expr { kind: ExprKind::Index(Box::new(found), index), span: start..self.end };
            } else if self.is(".") {
                self.advance()?;
                let Kind::Name(name) = self.token.kind.clone() else {
                    return Err(self.unexpected("a name"));
                };
                self.advance()?;
                for segment in name.segments {
                    self.link()?;
                    found = Expr { kind: ExprKind::Member(Box::new(found), segment), span: start..self.end };
                }
            } else {
                return Ok(found);
            }
        }
    }

    fn primary(&mut self) -> Compiled<Expr> {
        let token = self.token.clone();
        let kind = match token.kind {
            Kind::Number(value) => ExprKind::Number(value),
            Kind::Text(text) => ExprKind::Text(text),
            Kind::Period(count, unit) => match Period::new(count, &unit) {
                Some(period) => ExprKind::Period(period),
                None => {
                    return Err(Fault::new(
                        token.span,
                        "this is neither a number nor a period of time such as 5m",
                    ));
                }
            },
            Kind::Symbol("(") => {
                self.advance()?;
                let inner = self.expr()?;
                self.expect(")")?;
                return Ok(Expr { kind: inner.kind, span: token.span.start..self.end });
            }
            Kind::Symbol("/") => {
                let (regex, end) = lexer::regex(self.query, token.span.start)?;
                self.jump(end)?;
                return Ok(Expr { kind: ExprKind::Regex(regex), span: token.span.start..end });
            }
            Kind::Name(name) => {
                self.advance()?;
                if self.is("(") && name.segments.len() == 1 {
                    let args = self.arguments()?;
                    return Ok(Expr {
                        kind: ExprKind::Call(name.text(), args),
                        span: token.span.start..self.end,
                    });
                }
                return Ok(Expr { kind: ExprKind::Name(name), span: token.span });
            }
            Kind::Symbol(_) | Kind::End => return Err(self.unexpected("a field, a function or a value")),
        };
        self.advance()?;
        Ok(Expr { kind, span: token.span })
    }

    fn arguments(&mut self) -> Compiled<Vec<Expr>> {
        self.expect("(")?;
        if self.take(")")? {
            return Ok(Vec::new());
        }
        let args = if self.is("*") {
            let span = self.advance()?.span;
            vec![Expr { kind: ExprKind::Star, span }]
        } else {
            self.list(Self::expr)?
        };
        self.expect(")")?;
        Ok(args)
    }

    /// A field's name and nothing more, as an expression.
    pub(super) fn field(&mut self) -> Compiled<Expr> {
        match self.token.kind {
            Kind::Name(_) => self.postfix(),
            _ => Err(self.unexpected("a field")),
        }
    }

    /// `as name`, when it is there.
    pub(super) fn optional_alias(&mut self) -> Compiled<Option<Alias>> {
        if self.take_word("as")? { self.alias().map(Some) } else { Ok(None) }
    }
}

/// A long chain as a tree that is not deep: operands keep their order.
fn balance(operator: &'static str, first: Expr, mut rest: Vec<Expr>) -> Expr {
    if rest.is_empty() {
        return first;
    }
    let mut right = rest.split_off(rest.len() / 2);
    let middle = right.remove(0);
    binary(operator, balance(operator, first, rest), balance(operator, middle, right))
}

fn binary(operator: &'static str, left: Expr, right: Expr) -> Expr {
    let span = left.span.start..right.span.end;
    Expr { kind: ExprKind::Binary(operator, Box::new(left), Box::new(right)), span }
}

fn like(of: Expr, pattern: Expr, negated: bool) -> Expr {
    let span = of.span.start..pattern.span.end;
    Expr { kind: ExprKind::Like { of: Box::new(of), pattern: Box::new(pattern), negated }, span }
}

fn wrap(start: usize, inner: Expr, kind: fn(Box<Expr>) -> ExprKind) -> Expr {
    let span = start..inner.span.end;
    Expr { kind: kind(Box::new(inner)), span }
}
