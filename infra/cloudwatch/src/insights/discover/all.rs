//! All fields of one event, by the names under which a query finds them.

use super::lambda;
use super::{MOST_FIELDS, object};
use crate::insights::json::{Cursor, DEEPEST, Next};
use crate::insights::{Event, Owner};

/// Names and values, as `GetLogRecord` shows them: CloudWatch's own fields with times in
/// milliseconds since the epoch, Lambda's, then those of the message's JSON.
#[must_use]
pub fn fields(event: &Event<'_>, owner: &Owner) -> Vec<(String, String)> {
    let named = |name: &str, value: String| (name.to_owned(), value);
    let mut found = vec![
        named("@ingestionTime", event.ingestion.to_string()),
        named("@log", format!("{}:{}", owner.account, event.group)),
        named("@logStream", event.stream.to_owned()),
        named("@message", event.message.to_owned()),
        named("@timestamp", event.timestamp.to_string()),
    ];
    read(event, &mut found);
    found
}

/// The fields that are discovered in a message: Lambda's and those of its JSON.
pub(in crate::insights) fn discovered(group: &str, message: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    read(&Event { group, stream: "", timestamp: 0, ingestion: 0, id: 0, message }, &mut found);
    found
}

fn read(event: &Event<'_>, found: &mut Vec<(String, String)>) {
    found.extend(lambda::all(event.message).map(|(name, value)| (name.to_owned(), value)));
    if let Some(text) = object(event) {
        let given = std::mem::take(found);
        let mut walk =
            Walk { cursor: Cursor::new(text), name: String::new(), left: MOST_FIELDS, found: given };
        let _ = walk.value(0);
        *found = walk.found;
    }
}

struct Walk<'a> {
    cursor: Cursor<'a>,
    /// The dotted name of where the cursor is.
    name: String,
    left: usize,
    found: Vec<(String, String)>,
}

impl Walk<'_> {
    /// One value; `None` ends the reading: a fault, or as many fields as are discovered.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.cursor.peek()? {
            Next::Object => self.object(depth),
            Next::Array => self.array(depth),
            Next::String => {
                let text = self.cursor.string()?.value().into_owned();
                self.leaf(text)
            }
            Next::Word => match self.cursor.word()? {
                "null" => self.count(),
                word => self.leaf(word.to_owned()),
            },
        }
    }

    fn count(&mut self) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        Some(())
    }

    fn leaf(&mut self, value: String) -> Option<()> {
        self.count()?;
        if self.found.iter().all(|(name, _)| *name != self.name) {
            self.found.push((self.name.clone(), value));
        }
        Some(())
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.cursor.take(b'{');
        let mut more = depth < DEEPEST && !self.cursor.take(b'}');
        while more {
            let key = self.cursor.key()?.value();
            self.below(&key, depth)?;
            more = self.cursor.another(b'}')?;
        }
        (depth < DEEPEST).then_some(())
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.cursor.take(b'[');
        let mut more = depth < DEEPEST && !self.cursor.take(b']');
        let mut place = 0;
        while more {
            self.below(&place.to_string(), depth)?;
            place += 1;
            more = self.cursor.another(b']')?;
        }
        (depth < DEEPEST).then_some(())
    }

    fn below(&mut self, key: &str, depth: usize) -> Option<()> {
        let length = self.name.len();
        match length {
            // A member's own `@` is doubled, to keep it apart from CloudWatch's names.
            0 if key.starts_with('@') => self.name.push('@'),
            0 => {}
            _ => self.name.push('.'),
        }
        self.name.push_str(key);
        let read = self.value(depth + 1);
        self.name.truncate(length);
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, expected: &[(&str, &str)]) {
        let owner = Owner { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
        let event = Event { group: "g", stream: "s", timestamp: 1, ingestion: 2, id: 3, message };
        let found = fields(&event, &owner);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let own = [
            ("@ingestionTime", "2"),
            ("@log", "123456789012:g"),
            ("@logStream", "s"),
            ("@message", message),
            ("@timestamp", "1"),
        ];
        assert_eq!(found, [own.as_slice(), expected].concat());
    }

    #[test]
    fn fields_have_the_names_that_a_query_uses() {
        check("plain", &[]);
        check(
            r#"{"a":{"b":1.50},"l":["x",{"y":true}],"n":null,"@a":"","a":2}"#,
            &[("a.b", "1.50"), ("l.0", "x"), ("l.1.y", "true"), ("@@a", ""), ("a", "2")],
        );
        check(r#"{"first":1,"first":2,"broken":"#, &[("first", "1")]);
        check("END RequestId: r", &[("@requestId", "r"), ("@type", "END")]);
    }

    #[test]
    fn two_hundred_fields_are_discovered() {
        let many: Vec<_> = (0..300).map(|at| format!("\"f{at}\":{at}")).collect();
        let message = format!("{{{}}}", many.join(","));
        let event = Event { group: "g", stream: "s", timestamp: 1, ingestion: 2, id: 3, message: &message };
        let owner = Owner { account: String::new(), region: String::new() };
        assert_eq!(fields(&event, &owner).len(), 5 + 200);
    }
}
