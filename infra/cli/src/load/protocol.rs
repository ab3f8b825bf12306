//! As much of the Centrifuge protocol as a load needs.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The command that lets a client in.
const CONNECT: u64 = 1;
/// The command that subscribes it.
const SUBSCRIBE: u64 = 2;

/// The number of the first publication; each has the next one.
pub(super) const FIRST_PUBLICATION: u64 = 3;

/// The frame that a client begins with.
pub(super) fn greeting(token: Option<&str>, channel: &str) -> String {
    let connect = json!({"id": CONNECT, "connect": {"token": token.unwrap_or_default(), "name": "load"}});
    let subscribe = json!({"id": SUBSCRIBE, "subscribe": {"channel": channel}});
    format!("{connect}\n{subscribe}")
}

/// The frame of a publication that tells when it was made, in microseconds since `load` began.
pub(super) fn publication(id: u64, channel: &str, mark: Mark, size: usize) -> String {
    let data = json!({"load": mark.load, "at": mark.at, "number": mark.number});
    let padding = "x".repeat(size.saturating_sub(data.to_string().len()));
    let data = json!({"load": mark.load, "at": mark.at, "number": mark.number, "padding": padding});
    json!({"id": id, "publish": {"channel": channel, "data": data}}).to_string()
}

/// What a publication says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Mark {
    /// Which run of `load`: others may be at work in the same channel.
    pub(super) load: u32,
    /// When it was made: microseconds since the run began.
    pub(super) at: u64,
    /// Which of the run's it is.
    pub(super) number: u64,
}

/// What a line of a frame is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The client is subscribed.
    Subscribed,
    /// A publication was accepted.
    Accepted(u64),
    /// A command was refused.
    Refused(u64, String),
    /// A publication of a load.
    Publication(Mark),
    /// The client shall close.
    Disconnect(String),
    /// A ping, which may want an answer.
    Ping,
    /// Anything else.
    Other,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    push: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Push {
    #[serde(rename = "pub")]
    publication: Option<Publication>,
    disconnect: Option<Reason>,
}

#[derive(Debug, Deserialize)]
struct Publication {
    #[serde(default)]
    data: Value,
}

#[derive(Debug, Deserialize)]
struct Reason {
    code: u32,
    #[serde(alias = "message")]
    reason: Option<String>,
}

impl Reason {
    fn words(&self, what: &str) -> String {
        format!("{what} {}: {}", self.code, self.reason.as_deref().unwrap_or("no reason is given"))
    }
}

/// Reads a line.
pub(super) fn line(text: &str) -> Line {
    if text.trim() == "{}" {
        return Line::Ping;
    }
    let Ok(message) = serde_json::from_str::<Message<'_>>(text) else { return Line::Other };
    if let (Some(id), Some(error)) = (message.id, message.error) {
        let error = serde_json::from_str::<Reason>(error.get());
        return Line::Refused(id, error.map_or_else(|_| "an error".to_owned(), |error| error.words("error")));
    }
    match (message.id, message.push) {
        (Some(SUBSCRIBE), _) => Line::Subscribed,
        (Some(id), _) if id >= FIRST_PUBLICATION => Line::Accepted(id),
        (_, Some(push)) => push_line(push.get()),
        _ => Line::Other,
    }
}

fn push_line(text: &str) -> Line {
    match serde_json::from_str::<Push>(text) {
        Ok(Push { disconnect: Some(reason), .. }) => Line::Disconnect(reason.words("disconnect")),
        Ok(Push { publication: Some(publication), .. }) => {
            serde_json::from_value(publication.data).map_or(Line::Other, Line::Publication)
        }
        _ => Line::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let mark = Mark { load: 7, at: 12, number: 3 };
        let check = |text: &str, expected: Line| assert_eq!(line(text), expected, "{text}");
        check("{}", Line::Ping);
        check(r#"{"id":1,"connect":{"client":"a"}}"#, Line::Other);
        check(r#"{"id":2,"subscribe":{}}"#, Line::Subscribed);
        check(r#"{"id":9,"publish":{}}"#, Line::Accepted(9));
        check(
            r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#,
            Line::Refused(2, "error 103: permission denied".to_owned()),
        );
        check(
            r#"{"push":{"disconnect":{"code":3501,"reason":"bad request"}}}"#,
            Line::Disconnect("disconnect 3501: bad request".to_owned()),
        );
        let push = |data: &str| format!(r#"{{"push":{{"channel":"a","pub":{{"offset":1,"data":{data}}}}}}}"#);
        check(&push(r#"{"load":7,"at":12,"number":3,"padding":"x"}"#), Line::Publication(mark));
        check(&push("\"another's\""), Line::Other);
        check("no json", Line::Other);
    }

    #[test]
    fn a_publication_is_as_large_as_it_was_asked_to_be() {
        let mark = Mark { load: 1, at: 2, number: 3 };
        let frame: Value = serde_json::from_str(&publication(5, "room:1", mark, 500)).unwrap();
        let data = &frame["publish"]["data"];
        assert!((500..530).contains(&data.to_string().len()), "{data}");
        assert_eq!(serde_json::from_value::<Mark>(data.clone()).unwrap(), mark);
    }
}
