//! What is new in log groups, asked for again and again.
//!
//! CloudWatch takes events late: a group is asked for more than what came after the newest event,
//! and what was shown already is left out by its id.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

use super::{TailError, refused};

/// How late an event may come and still be shown: milliseconds.
const LATE_MS: i64 = 30_000;

/// An event with its group.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) group: String,
    pub(crate) event: FilteredLogEvent,
}

impl Line {
    pub(crate) fn timestamp(&self) -> i64 {
        self.event.timestamp().unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.event.message().unwrap_or_default()
    }
}

/// Asks for what is new.
#[derive(Debug)]
pub(crate) struct Poll {
    client: Client,
    filter: Option<String>,
    /// From when on each group is asked.
    groups: Vec<(String, i64)>,
    /// The ids and times of events that may come again.
    seen: HashMap<String, i64>,
}

impl Poll {
    pub(crate) fn new(client: Client, groups: Vec<String>, filter: Option<String>, since: i64) -> Self {
        let groups = groups.into_iter().map(|group| (group, since)).collect();
        Self { client, filter, groups, seen: HashMap::new() }
    }

    /// Events of all groups that were not there before, in the order of time.
    pub(crate) async fn new_events(&mut self) -> Result<Vec<Line>, TailError> {
        let mut lines = Vec::new();
        for (group, from) in &mut self.groups {
            let call = self.client.filter_log_events().log_group_name(group.as_str()).start_time(*from);
            let mut pages = call.set_filter_pattern(self.filter.clone()).into_paginator().send();
            while let Some(page) = pages.next().await {
                for event in page.map_err(|error| refused(&error))?.events.unwrap_or_default() {
                    let line = Line { group: group.clone(), event };
                    let id = line.event.event_id().unwrap_or_default().to_owned();
                    if self.seen.insert(id, line.timestamp()).is_none() {
                        *from = (*from).max(line.timestamp().saturating_sub(LATE_MS));
                        lines.push(line);
                    }
                }
            }
        }
        let oldest = self.groups.iter().map(|(_, from)| *from).min().unwrap_or_default();
        self.seen.retain(|_, timestamp| *timestamp >= oldest);
        lines.sort_by_key(Line::timestamp);
        Ok(lines)
    }
}
