//! The rule of a composite alarm.
//!
//! "Create a composite alarm" in CloudWatch's user guide.

use super::State;

/// How deep parentheses may be nested.
const MAX_DEPTH: usize = 64;

/// A rule over the states of other alarms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    Constant(bool),
    /// Whether an alarm, by its name, is in a state.
    Is(State, String),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Rule {
    /// Reads a rule.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text.trim_start(), depth: 0 };
        let rule = parser.or()?;
        if parser.rest.is_empty() { Ok(rule) } else { Err(parser.unexpected()) }
    }

    /// Whether it holds, when alarms are in these states.
    pub(crate) fn holds(&self, state: &impl Fn(&str) -> Option<State>) -> bool {
        match self {
            Self::Constant(truth) => *truth,
            Self::Is(wanted, alarm) => state(alarm) == Some(*wanted),
            Self::Not(inner) => !inner.holds(state),
            Self::And(inner) => inner.iter().all(|rule| rule.holds(state)),
            Self::Or(inner) => inner.iter().any(|rule| rule.holds(state)),
        }
    }

    /// The names of the alarms in it.
    pub(crate) fn alarms(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Is(_, alarm) => vec![alarm],
            Self::Not(inner) => inner.alarms(),
            Self::And(inner) | Self::Or(inner) => inner.iter().flat_map(Self::alarms).collect(),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Rule, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is nested too deep".to_owned());
        }
        let mut choices = vec![self.and()?];
        while self.word("OR") {
            choices.push(self.and()?);
        }
        self.depth -= 1;
        Ok(if choices.len() == 1 { choices.remove(0) } else { Rule::Or(choices) })
    }

    fn and(&mut self) -> Result<Rule, String> {
        let mut parts = vec![self.not()?];
        while self.word("AND") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Rule::And(parts) })
    }

    fn not(&mut self) -> Result<Rule, String> {
        let mut negated = false;
        while self.word("NOT") {
            negated = !negated;
        }
        let rule = self.term()?;
        Ok(if negated { Rule::Not(Box::new(rule)) } else { rule })
    }

    fn term(&mut self) -> Result<Rule, String> {
        if self.sign('(') {
            let inner = self.or()?;
            return if self.sign(')') { Ok(inner) } else { Err(self.unexpected()) };
        }
        for (word, truth) in [("TRUE", true), ("FALSE", false)] {
            if self.word(word) {
                return Ok(Rule::Constant(truth));
            }
        }
        for state in [State::Alarm, State::Ok, State::InsufficientData] {
            if self.word(state.as_str()) {
                return Ok(Rule::Is(state, self.name()?));
            }
        }
        Err(self.unexpected())
    }

    /// `("name")`, `(name)` or an ARN in their place.
    fn name(&mut self) -> Result<String, String> {
        if !self.sign('(') {
            return Err(self.unexpected());
        }
        let (text, rest) = match self.rest.strip_prefix('"') {
            Some(inside) => inside.split_once('"').ok_or("a quote is not closed")?,
            None => match self.rest.find(')') {
                Some(end) => self.rest.split_at_checked(end).unwrap_or((self.rest, "")),
                None => return Err("a parenthesis is not closed".to_owned()),
            },
        };
        self.rest = rest.trim_start();
        if !self.sign(')') {
            return Err(self.unexpected());
        }
        let text = text.trim();
        let name =
            text.split_once(":alarm:").filter(|_| text.starts_with("arn:")).map_or(text, |(_, name)| name);
        if name.is_empty() { Err("an alarm has no name".to_owned()) } else { Ok(name.to_owned()) }
    }

    fn unexpected(&self) -> String {
        match self.rest {
            "" => "it ends too early".to_owned(),
            rest => format!("`{rest}` is not understood"),
        }
    }

    fn sign(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign).map(str::trim_start);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word);
        let ends = |rest: &&str| !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let after = after.filter(ends).map(str::trim_start);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alarms `a` is in ALARM, `b` is OK, `c` is in INSUFFICIENT_DATA.
    #[track_caller]
    fn check(text: &str, expected: Result<bool, &str>) {
        let state = |name: &str| match name {
            "a" => Some(State::Alarm),
            "b" => Some(State::Ok),
            "c" => Some(State::InsufficientData),
            _ => None,
        };
        let holds = Rule::parse(text).map(|rule| rule.holds(&state));
        assert_eq!(holds.as_ref().map(|holds| *holds).map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn rules_hold_or_not() {
        check("TRUE", Ok(true));
        check("FALSE OR ALARM(\"a\")", Ok(true));
        check("ALARM(a) AND NOT OK(b)", Ok(false));
        check("ALARM(\"a\") AND (OK(\"b\") OR ALARM(\"c\"))", Ok(true));
        check("INSUFFICIENT_DATA(\"c\")", Ok(true));
        check("NOT NOT ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)", Ok(true));
        check("OK(b) OR ALARM(b) AND FALSE", Ok(true));
        check("ALARM(\"gone\")", Ok(false));
    }

    #[test]
    fn what_is_no_rule() {
        check("", Err("it ends too early"));
        check("ALARM", Err("it ends too early"));
        check("ALARM(\"a\"", Err("it ends too early"));
        check("ALARM(a", Err("a parenthesis is not closed"));
        check("ALARM(\"a", Err("a quote is not closed"));
        check("ALARM()", Err("an alarm has no name"));
        check("ALARM(a) ALARM(b)", Err("`ALARM(b)` is not understood"));
        check("TRUEISH", Err("`TRUEISH` is not understood"));
        check(&"(".repeat(1000), Err("it is nested too deep"));
    }
}
