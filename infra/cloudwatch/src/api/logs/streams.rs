//! Log streams.

use serde_json::{Map, Value, json};

use super::Api;
use super::error::ApiError;
use super::groups::put_token;
use super::input::{Input, page};
use crate::logs::Stream;

/// Streams of a page of DescribeLogStreams.
const PAGE: usize = 50;

pub(super) fn create(api: &Api, input: &Input) -> Result<Value, ApiError> {
    api.logs.create_stream(input.group_name()?, input.stream_name()?)?;
    Ok(Value::Null)
}

pub(super) fn delete(api: &Api, input: &Input) -> Result<Value, ApiError> {
    api.logs.delete_stream(input.group_name()?, input.stream_name()?)?;
    Ok(Value::Null)
}

pub(super) fn describe(api: &Api, input: &Input) -> Result<Value, ApiError> {
    let group = input.group()?;
    let prefix = input.text("logStreamNamePrefix")?;
    let by_time = match input.text("orderBy")? {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") => true,
        Some(other) => {
            let rule = "satisfy enum value set: [LogStreamName, LastEventTime]";
            return Err(ApiError::constraint(other, "orderBy", rule));
        }
    };
    if by_time && prefix.is_some() {
        return Err(ApiError::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let limit = input.limit(PAGE)?;
    let after = input.page_after()?;
    let mut streams = api.logs.streams(group)?;
    if by_time {
        streams.sort_by_key(|stream| stream.last_event);
    }
    if input.truth("descending")? == Some(true) {
        streams.reverse();
    }
    streams.retain(|stream| prefix.is_none_or(|prefix| stream.name.starts_with(prefix)));
    let begin = after.and_then(|after| streams.iter().position(|stream| *stream.name == *after));
    let rest = streams.into_iter().skip(begin.map_or(0, |at| at + 1));
    let (streams, token) = page(rest, limit, |stream| &stream.name);
    let streams: Vec<Value> = streams.iter().map(|stream| described(api, group, stream)).collect();
    let mut answer = json!({ "logStreams": streams });
    put_token(&mut answer, token);
    Ok(answer)
}

fn described(api: &Api, group: &str, stream: &Stream) -> Value {
    let mut members = Map::new();
    members.insert("logStreamName".to_owned(), json!(&*stream.name));
    members.insert("creationTime".to_owned(), json!(stream.created));
    let arn = format!("{}:log-stream:{}", api.group_arn(group), stream.name);
    members.insert("arn".to_owned(), json!(arn));
    // AWS tells no bytes of streams since 2019.
    members.insert("storedBytes".to_owned(), json!(0));
    let times = [
        ("firstEventTimestamp", stream.first_event),
        ("lastEventTimestamp", stream.last_event),
        ("lastIngestionTime", stream.last_ingestion),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            members.insert(name.to_owned(), json!(time));
        }
    }
    Value::Object(members)
}
