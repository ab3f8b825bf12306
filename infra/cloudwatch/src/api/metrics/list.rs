//! `ListMetrics`.

use super::error::ApiError;
use super::page::page;
use super::reader::Reader;
use crate::document::Document;
use crate::metrics::{Identity, MetricStore};

/// Metrics of one page.
const PAGE: usize = 500;

/// Filters of dimensions in one request.
const MAX_FILTERS: usize = 10;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Without data for two weeks, a metric is not listed any more.
const LISTED_MS: i64 = 14 * 24 * HOUR_MS;

/// Lists the metrics that pass a request's filters.
pub(super) fn list(store: &MetricStore, input: &Reader<'_>, now: i64) -> Result<Document, ApiError> {
    let (namespace, name) = (input.text("Namespace")?, input.text("MetricName")?);
    let mut filters = Vec::new();
    for filter in input.list("Dimensions")? {
        filters.push((filter.name("Name")?, filter.text("Value")?));
    }
    if filters.len() > MAX_FILTERS {
        let text = format!("The collection Dimensions must not have a size greater than {MAX_FILTERS}.");
        return Err(ApiError::invalid_value(text));
    }
    let recent = match input.one_of("RecentlyActive", &["PT3H"])? {
        Some(_) => 3 * HOUR_MS,
        None => LISTED_MS,
    };
    let passes = |identity: &Identity| {
        let dimension = |(name, value): &(&str, Option<&str>)| {
            let there = identity.dimensions.get(*name);
            there.is_some_and(|there| value.is_none_or(|value| value == there))
        };
        namespace.is_none_or(|namespace| namespace == identity.namespace)
            && name.is_none_or(|name| name == identity.name)
            && filters.iter().all(dimension)
    };
    let mut found: Vec<_> = store
        .all()
        .into_iter()
        .filter(|series| series.newest() > now - recent && passes(&series.identity))
        .collect();
    found.sort_by(|left, right| left.identity.cmp(&right.identity));
    let (found, next) = page(found, input, PAGE)?;
    let metrics = found.iter().map(|series| metric(&series.identity)).collect();
    let mut answer = vec![("Metrics".to_owned(), Document::List(metrics))];
    answer.extend(next.map(|token| ("NextToken".to_owned(), Document::Text(token))));
    Ok(Document::Map(answer))
}

fn metric(identity: &Identity) -> Document {
    let dimension = |(name, value): (&String, &String)| {
        Document::map([("Name", Document::text(name)), ("Value", Document::text(value))])
    };
    Document::map([
        ("Namespace", Document::text(&identity.namespace)),
        ("MetricName", Document::text(&identity.name)),
        ("Dimensions", Document::List(identity.dimensions.iter().map(dimension).collect())),
    ])
}
