//! Patterns of space-delimited text: `[ip, user, ..., status = 4*, bytes]`.

use std::collections::BTreeMap;

use super::PatternError;
use super::cursor::Cursor;
use super::expression::{Expression, check_regexes};

/// The columns before and after `...`.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    before: Vec<Column>,
    /// `None` when there is no `...`: then the last column has the rest of the text.
    after: Option<Vec<Column>>,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    /// Nothing is demanded of a column that is only named.
    expression: Option<Expression<String>>,
}

impl Columns {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        cursor.eat_spaced("[");
        let mut columns = Self { before: Vec::new(), after: None };
        loop {
            if cursor.eat_spaced("...") {
                if columns.after.replace(Vec::new()).is_some() {
                    return Err(PatternError::TooMany("more than one `...`"));
                }
            } else {
                let column = Column::parse(cursor)?;
                columns.after.as_mut().unwrap_or(&mut columns.before).push(column);
            }
            if cursor.eat_spaced("]") {
                break;
            }
            if !cursor.eat_spaced(",") {
                return Err(cursor.expected("`,` or `]`"));
            }
        }
        cursor.end()?;
        let expressions = columns.all().filter_map(|column| column.expression.as_ref());
        check_regexes(expressions.map(Expression::regexes).sum())?;
        Ok(columns)
    }

    fn all(&self) -> impl Iterator<Item = &Column> {
        self.before.iter().chain(self.after.iter().flatten())
    }

    /// The columns' texts by name; `None` when the text has too few, or one is not as demanded.
    pub(super) fn find(&self, text: &str) -> Option<BTreeMap<String, String>> {
        let mut fields = split(text);
        let last = self.before.len().saturating_sub(1);
        if self.after.is_none() && fields.len() > self.before.len() {
            let rest: Vec<String> = fields.drain(last..).collect();
            fields.push(rest.join(" "));
        }
        let after = self.after.as_deref().unwrap_or_default();
        let unnamed = fields.len().checked_sub(self.before.len() + after.len())?;
        let skipped = fields.drain(self.before.len()..self.before.len() + unnamed);
        drop(skipped);
        let values: BTreeMap<String, String> =
            self.all().map(|column| column.name.clone()).zip(fields).collect();
        let value = |name: &String| values.get(name).map(String::as_str);
        let holds = self.all().filter_map(|column| column.expression.as_ref()).all(|expression| {
            expression.holds(&|name, test| value(name).is_some_and(|text| test.takes_text(text)))
        });
        holds.then_some(values)
    }
}

impl Column {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, PatternError> {
        let start = cursor.clone();
        let grouped = cursor.eat_spaced("(");
        let name = name(cursor)?;
        cursor.skip_space();
        if !grouped && matches!(cursor.peek(), None | Some(',' | ']')) {
            return Ok(Self { name, expression: None });
        }
        *cursor = start;
        Ok(Self { name, expression: Some(Expression::parse(cursor, &self::name)?) })
    }
}

fn name(cursor: &mut Cursor<'_>) -> Result<String, PatternError> {
    cursor.skip_space();
    let name = cursor.take_while(|c| c.is_alphanumeric() || "_-$@.".contains(c));
    if name.is_empty() { Err(cursor.expected("a column's name")) } else { Ok(name.to_owned()) }
}

/// Fields between spaces; what stands in `[]` or `""` is one.
fn split(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut cursor = Cursor::new(text);
    loop {
        cursor.skip_space();
        let close = match cursor.peek() {
            None => return fields,
            Some('[') => Some(']'),
            Some('"') => Some('"'),
            Some(_) => None,
        };
        let mut ahead = cursor.clone();
        ahead.next();
        // A mark that nothing closes is a character like any other.
        match close.and_then(|close| ahead.take_until(close)) {
            Some(field) => {
                cursor = ahead;
                fields.push(field);
            }
            None => fields.push(cursor.take_while(|c| !c.is_whitespace()).to_owned()),
        }
    }
}
