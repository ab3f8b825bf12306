//! Comparisons joined by `&&` and `||`, of JSON members or of columns.

use super::PatternError;
use super::cursor::Cursor;
use super::operand::{Operator, Test};

/// Regular expressions that a JSON or space-delimited pattern may have.
const MAX_REGEXES: usize = 2;

/// How deep parentheses may be nested.
const MAX_DEPTH: usize = 32;

/// An expression over names of a kind.
#[derive(Debug, Clone)]
pub(super) enum Expression<N> {
    Any(Vec<Self>),
    All(Vec<Self>),
    Test(N, Test),
}

/// Two characters before one: `<=` is not `<`.
const OPERATORS: [(&str, Operator); 6] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl<N> Expression<N> {
    /// Reads an expression; `name` reads a name. `&&` binds tighter than `||`.
    pub(super) fn parse(
        cursor: &mut Cursor<'_>,
        name: &dyn Fn(&mut Cursor<'_>) -> Result<N, PatternError>,
    ) -> Result<Self, PatternError> {
        Self::any(cursor, name, 0)
    }

    fn any(
        cursor: &mut Cursor<'_>,
        name: &dyn Fn(&mut Cursor<'_>) -> Result<N, PatternError>,
        depth: usize,
    ) -> Result<Self, PatternError> {
        let mut parts = vec![Self::all(cursor, name, depth)?];
        while cursor.eat_spaced("||") {
            parts.push(Self::all(cursor, name, depth)?);
        }
        Ok(Self::Any(parts))
    }

    fn all(
        cursor: &mut Cursor<'_>,
        name: &dyn Fn(&mut Cursor<'_>) -> Result<N, PatternError>,
        depth: usize,
    ) -> Result<Self, PatternError> {
        let mut parts = vec![Self::one(cursor, name, depth)?];
        while cursor.eat_spaced("&&") {
            parts.push(Self::one(cursor, name, depth)?);
        }
        Ok(Self::All(parts))
    }

    fn one(
        cursor: &mut Cursor<'_>,
        name: &dyn Fn(&mut Cursor<'_>) -> Result<N, PatternError>,
        depth: usize,
    ) -> Result<Self, PatternError> {
        if cursor.eat_spaced("(") {
            if depth == MAX_DEPTH {
                return Err(PatternError::TooMany("parentheses are nested too deep"));
            }
            let inner = Self::any(cursor, name, depth + 1)?;
            return if cursor.eat_spaced(")") { Ok(inner) } else { Err(cursor.expected("`)`")) };
        }
        let name = name(cursor)?;
        Ok(Self::Test(name, test(cursor)?))
    }

    /// Whether it holds; `passes` says whether a name's value passes a test.
    pub(super) fn holds(&self, passes: &dyn Fn(&N, &Test) -> bool) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(passes)),
            Self::All(parts) => parts.iter().all(|part| part.holds(passes)),
            Self::Test(name, test) => passes(name, test),
        }
    }

    /// Gathers the names.
    pub(super) fn names<'a>(&'a self, names: &mut Vec<&'a N>) {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.names(names)),
            Self::Test(name, _) => names.push(name),
        }
    }

    /// How many of its comparisons are with regular expressions.
    pub(super) fn regexes(&self) -> usize {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().map(Self::regexes).sum(),
            Self::Test(_, Test::Compare(_, operand)) => usize::from(operand.is_regex()),
            Self::Test(..) => 0,
        }
    }
}

/// A pattern may have two regular expressions.
pub(super) fn check_regexes(count: usize) -> Result<(), PatternError> {
    if count > MAX_REGEXES {
        return Err(PatternError::TooMany("more than 2 regular expressions"));
    }
    Ok(())
}

fn test(cursor: &mut Cursor<'_>) -> Result<Test, PatternError> {
    cursor.skip_space();
    if let Some((_, operator)) = OPERATORS.into_iter().find(|(text, _)| cursor.eat(text)) {
        let operand = cursor.operand(|c| "(){},]&|".contains(c))?;
        let orders = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if orders && operand.number().is_none() {
            return Err(cursor.expected("a number before this"));
        }
        return Ok(Test::Compare(operator, operand));
    }
    if cursor.eat_word("IS") {
        let words = [("NULL", Test::IsNull), ("TRUE", Test::Is(true)), ("FALSE", Test::Is(false))];
        let found = words.into_iter().find(|(word, _)| cursor.eat_word(word));
        return found.map(|(_, test)| test).ok_or_else(|| cursor.expected("NULL, TRUE or FALSE"));
    }
    if cursor.eat_word("NOT") && cursor.eat_word("EXISTS") {
        return Ok(Test::NotExists);
    }
    Err(cursor.expected("=, !=, <, <=, >, >=, IS or NOT EXISTS"))
}
