//! Reading events: FilterLogEvents and GetLogEvents.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::Api;
use super::error::ApiError;
use super::groups::put_token;
use super::input::{Input, invalid_token};
use crate::filter::Pattern;
use crate::logs::{
    EVENT_OVERHEAD, Key, LogEvent, Order, StoreError, after, before, digits, first_of, from_digits, last_of,
};

/// Events of a page.
const PAGE: usize = 10_000;

/// Bytes of a page.
const PAGE_BYTES: usize = 1_048_576;

/// Streams that a call may name.
const MAX_STREAMS: usize = 100;

/// Events up to a page's limits.
struct Page {
    events: Vec<LogEvent>,
    limit: usize,
    bytes: usize,
    /// There was one more.
    is_full: bool,
}

impl Page {
    const fn new(limit: usize) -> Self {
        Self { events: Vec::new(), limit, bytes: 0, is_full: false }
    }

    fn push(&mut self, event: &LogEvent) -> ControlFlow<()> {
        let bytes = event.message.len() + EVENT_OVERHEAD;
        let is_first = self.events.is_empty();
        if self.events.len() == self.limit || (!is_first && self.bytes + bytes > PAGE_BYTES) {
            self.is_full = true;
            return ControlFlow::Break(());
        }
        self.bytes += bytes;
        self.events.push(event.clone());
        ControlFlow::Continue(())
    }
}

pub(super) fn filter(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let group = input.group()?;
    let streams = Streams::read(input)?;
    let pattern = Pattern::parse(input.text("filterPattern")?.unwrap_or_default())?;
    let order = if input.truth("startFromHead")? == Some(false) { Order::Backward } else { Order::Forward };
    let mut page = Page::new(input.limit(PAGE)?);
    let from = first_of(input.time("startTime")?.unwrap_or(i64::MIN));
    // An event at the end time is in.
    let to = last_of(input.time("endTime")?.unwrap_or(i64::MAX));
    let token = input.text("nextToken")?.map(|token| from_digits(token).ok_or_else(invalid_token));
    let range = match (token.transpose()?, order) {
        (None, _) => (from, to),
        (Some(seen), Order::Forward) => (from.max(after(seen)), to),
        (Some(seen), Order::Backward) => (from, to.min(before(seen))),
    };
    streams.check(api, group)?;
    let _ = api.logs.read(group, range, order, &mut |event| {
        if streams.has(&event.stream) && pattern.matches(&event.message) {
            return page.push(event);
        }
        ControlFlow::Continue(())
    });
    let events: Vec<Value> = page.events.iter().map(filtered).collect();
    let mut answer = json!({ "events": events, "searchedLogStreams": [] });
    put_token(&mut answer, page.events.last().filter(|_| page.is_full).map(LogEvent::event_id));
    Ok(answer)
}

fn filtered(event: &LogEvent) -> Value {
    json!({
        "logStreamName": &*event.stream,
        "timestamp": event.timestamp,
        "message": &*event.message,
        "ingestionTime": event.ingestion,
        "eventId": event.event_id(),
    })
}

/// Which streams a call is about.
enum Streams<'a> {
    All,
    Names(Vec<&'a str>),
    Prefix(&'a str),
}

impl<'a> Streams<'a> {
    fn read(input: &'a Input) -> Result<Self, ApiError> {
        match (input.texts("logStreamNames")?, input.text("logStreamNamePrefix")?) {
            (Some(_), Some(_)) => Err(ApiError::invalid(
                "LogStream names and LogStream name prefix are mutually exclusive parameters.",
            )),
            (Some(names), None) if names.len() > MAX_STREAMS => {
                let rule = format!("have length less than or equal to {MAX_STREAMS}");
                Err(ApiError::constraint("[...]", "logStreamNames", &rule))
            }
            (Some(names), None) if !names.is_empty() => Ok(Self::Names(names)),
            (_, Some(prefix)) => Ok(Self::Prefix(prefix)),
            _ => Ok(Self::All),
        }
    }

    /// A group or a stream that is named must be there.
    fn check(&self, api: &Api, group: &str) -> Result<(), ApiError> {
        let Self::Names(names) = self else {
            api.logs.describe_group(group)?;
            return Ok(());
        };
        let streams = api.logs.streams(group)?;
        let is_there = |name: &&str| streams.iter().any(|stream| *stream.name == **name);
        if names.iter().all(is_there) { Ok(()) } else { Err(StoreError::NoStream.into()) }
    }

    fn has(&self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains(&stream),
            Self::Prefix(prefix) => stream.starts_with(prefix),
        }
    }
}

/// A token of GetLogEvents: the events after a place, or those before it.
#[derive(Clone, Copy)]
enum Token {
    Forward(Key),
    Backward(Key),
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let (direction, place) = text.strip_suffix("/s")?.split_once('/')?;
        let place = from_digits(place)?;
        match direction {
            "f" => Some(Self::Forward(place)),
            "b" => Some(Self::Backward(place)),
            _ => None,
        }
    }

    /// As AWS's look: `f/{digits}/s`.
    fn text(self) -> String {
        match self {
            Self::Forward(place) => format!("f/{}/s", digits(place)),
            Self::Backward(place) => format!("b/{}/s", digits(place)),
        }
    }
}

pub(super) fn get(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let (group, stream) = (input.group()?, input.stream_name()?);
    let mut page = Page::new(input.limit(PAGE)?);
    let from = first_of(input.time("startTime")?.unwrap_or(0));
    // An event at the end time is out.
    let to = input.time("endTime")?.map_or(last_of(i64::MAX), |end| before(first_of(end)));
    let token = input.text("nextToken")?.map(|token| Token::parse(token).ok_or_else(invalid_token));
    let token = token.transpose()?;
    if !api.logs.streams(group)?.iter().any(|known| *known.name == *stream) {
        return Err(StoreError::NoStream.into());
    }
    let (range, order) = match token {
        Some(Token::Forward(seen)) => ((from.max(after(seen)), to), Order::Forward),
        Some(Token::Backward(seen)) => ((from, to.min(before(seen))), Order::Backward),
        None if input.truth("startFromHead")? == Some(true) => ((from, to), Order::Forward),
        None => ((from, to), Order::Backward),
    };
    let _ = api.logs.read(group, range, order, &mut |event| {
        if *event.stream == *stream { page.push(event) } else { ControlFlow::Continue(()) }
    });
    if order == Order::Backward {
        page.events.reverse();
    }
    let (forward, backward) = tokens(&page.events, token, from);
    let event = |event: &LogEvent| json!({ "timestamp": event.timestamp, "message": &*event.message, "ingestionTime": event.ingestion });
    Ok(json!({
        "events": page.events.iter().map(event).collect::<Vec<_>>(),
        "nextForwardToken": forward.text(),
        "nextBackwardToken": backward.text(),
    }))
}

/// The tokens of a page. At an end the token in that direction is the one that led there.
fn tokens(events: &[LogEvent], token: Option<Token>, from: Key) -> (Token, Token) {
    match (events.first().zip(events.last()), token) {
        (Some((first, last)), _) => (Token::Forward(last.key()), Token::Backward(first.key())),
        (None, Some(Token::Forward(place))) => (Token::Forward(place), Token::Backward(after(place))),
        (None, Some(Token::Backward(place))) => (Token::Forward(before(place)), Token::Backward(place)),
        // An empty stream: whatever comes after the start is new.
        (None, None) => (Token::Forward(from), Token::Backward(from)),
    }
}
