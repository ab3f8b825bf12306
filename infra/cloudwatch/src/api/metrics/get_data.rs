//! `GetMetricData`, and the queries that alarms have as well.

use jiff::tz::Offset;

use super::error::ApiError;
use super::page;
use super::put::read_unit;
use super::reader::Reader;
use crate::document::Document;
use crate::metrics::label::Here;
use crate::metrics::query::{MetricStat, Outcome, Query, Source, Window, is_period, run_with_labels};
use crate::metrics::{Identity, MetricStore};

/// Queries of one request.
const MAX_QUERIES: usize = 500;

/// Points of one page.
const MAX_POINTS: usize = 100_800;

/// Characters of an expression.
const MAX_EXPRESSION: usize = 2048;

/// Answers one page of a request's queries.
pub(super) fn get(
    store: &MetricStore,
    account: (&str, &str),
    input: &Reader<'_>,
    now_ms: i64,
) -> Result<Document, ApiError> {
    let window = window(input, ApiError::validation)?;
    if !input.has("MetricDataQueries") {
        return Err(ApiError::missing("MetricDataQueries"));
    }
    let queries = queries(input, "MetricDataQueries")?;
    let orders = ["TimestampAscending", "TimestampDescending"];
    let ascending = input.one_of("ScanBy", &orders)? == Some("TimestampAscending");
    let size = match input.integer("MaxDatapoints")? {
        None => MAX_POINTS,
        Some(number) => match usize::try_from(number) {
            Ok(number @ 1..=MAX_POINTS) => number,
            _ => return Err(input.invalid("MaxDatapoints", &number.to_string())),
        },
    };
    let skipped = page::skipped(input)?;
    let (region, account_id) = account;
    let here = Here { region, account_id, now: now_ms.div_euclid(1000), offset: offset(input)? };
    let outcomes = run_with_labels(store, &queries, window, here)
        .map_err(|error| ApiError::validation(error.to_string()))?;
    let total: usize = outcomes.iter().map(|outcome| outcome.points.len()).sum();
    let mut cut = Cut { before: skipped, left: size };
    let results: Vec<Document> =
        outcomes.into_iter().filter_map(|outcome| result(outcome, ascending, &mut cut)).collect();
    let mut answer = vec![
        ("MetricDataResults".to_owned(), Document::List(results)),
        ("Messages".to_owned(), Document::List(Vec::new())),
    ];
    if total > skipped.saturating_add(size) {
        answer.push(("NextToken".to_owned(), Document::Text(page::token(skipped + size))));
    }
    Ok(Document::Map(answer))
}

/// The zone of times in labels: `LabelOptions: { Timezone: "+0130" }`.
fn offset(input: &Reader<'_>) -> Result<Offset, ApiError> {
    let Some(options) = input.map("LabelOptions")? else { return Ok(Offset::UTC) };
    let Some(text) = options.text("Timezone")? else { return Ok(Offset::UTC) };
    let read = || {
        let (sign, digits) = (text.get(..1)?, text.get(1..5).filter(|_| text.len() == 5)?);
        let number = |range: std::ops::Range<usize>| {
            digits.get(range)?.parse::<u8>().ok().filter(|_| digits.is_ascii())
        };
        let seconds = i32::from(number(0..2)?) * 3600 + i32::from(number(2..4).filter(|m| *m < 60)?) * 60;
        let signed = match sign {
            "+" => seconds,
            "-" => -seconds,
            _ => return None,
        };
        Offset::from_seconds(signed).ok()
    };
    read().ok_or_else(|| options.invalid("Timezone", text))
}

/// The points of a page: so many are before it, so many are in it.
struct Cut {
    before: usize,
    left: usize,
}

/// One series' part of a page; `None` when all of it was in earlier pages, or is in later ones.
fn result(outcome: Outcome, ascending: bool, cut: &mut Cut) -> Option<Document> {
    let Outcome { id, label, mut points, units } = outcome;
    if !ascending {
        points.reverse();
    }
    let all = points.len();
    let skipped = cut.before.min(all);
    cut.before -= skipped;
    let taken = (all - skipped).min(cut.left);
    // A series with no points is on the page where it would begin.
    if taken == 0 && (all > 0 || (cut.before > 0 || cut.left == 0)) {
        return None;
    }
    cut.left -= taken;
    let page = points.get(skipped..skipped + taken).unwrap_or_default();
    let complete = skipped + taken == all;
    let mut members = vec![
        ("Id".to_owned(), Document::Text(id)),
        ("Label".to_owned(), Document::Text(label)),
        (
            "Timestamps".to_owned(),
            Document::List(page.iter().map(|(at, _)| Document::Time(at * 1000)).collect()),
        ),
        (
            "Values".to_owned(),
            Document::List(page.iter().map(|(_, value)| Document::Double(*value)).collect()),
        ),
        ("StatusCode".to_owned(), Document::text(if complete { "Complete" } else { "PartialData" })),
    ];
    if !units.is_empty() {
        let text = format!("Multiple units returned: '[{}]'", units.join(", "));
        let message =
            Document::map([("Code", Document::text("MultipleUnits")), ("Value", Document::Text(text))]);
        members.push(("Messages".to_owned(), Document::List(vec![message])));
    }
    Some(Document::Map(members))
}

/// `StartTime` and `EndTime`, which is not part of the time.
pub(super) fn window(
    input: &Reader<'_>,
    refused: impl Fn(&'static str) -> ApiError,
) -> Result<Window, ApiError> {
    let (from, to) = (input.required_time("StartTime")?, input.required_time("EndTime")?);
    if from >= to {
        return Err(refused("The parameter StartTime must be less than the parameter EndTime."));
    }
    // A started second at the end counts.
    Ok(Window { from: from.div_euclid(1000), to: to.saturating_add(999).div_euclid(1000), sliding: false })
}

/// The queries of a request's member.
pub(super) fn queries(input: &Reader<'_>, name: &str) -> Result<Vec<Query>, ApiError> {
    let items = input.list(name)?;
    if items.len() > MAX_QUERIES {
        let text = format!("The collection {name} must not have a size greater than {MAX_QUERIES}.");
        return Err(ApiError::validation(text));
    }
    items.iter().map(query).collect()
}

fn query(item: &Reader<'_>) -> Result<Query, ApiError> {
    let id = item.name("Id")?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain || !id.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        return Err(ApiError::validation(format!(
            "The value {id} for parameter {} is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
            item.path("Id")
        )));
    }
    let period = item.integer("Period")?.map(|period| check_period(item, period)).transpose()?;
    let source = match (item.map("MetricStat")?, item.text("Expression")?) {
        (Some(stat), None) => Source::Metric(metric_stat(&stat)?),
        (None, Some(expression)) if expression.chars().count() <= MAX_EXPRESSION => {
            Source::Expression(expression.to_owned())
        }
        (None, Some(_)) => return Err(item.invalid("Expression", "that is longer than 2048 characters")),
        (Some(_), Some(_)) => {
            return Err(ApiError::validation(format!(
                "The parameters {} and {} are mutually exclusive and you have specified both.",
                item.path("MetricStat"),
                item.path("Expression")
            )));
        }
        (None, None) => return Err(ApiError::missing(&item.path("MetricStat"))),
    };
    Ok(Query {
        id: id.to_owned(),
        source,
        label: item.text("Label")?.map(str::to_owned),
        return_data: item.truth("ReturnData")?.unwrap_or(true),
        period,
    })
}

fn metric_stat(stat: &Reader<'_>) -> Result<MetricStat, ApiError> {
    let Some(metric) = stat.map("Metric")? else { return Err(ApiError::missing(&stat.path("Metric"))) };
    let period = stat.integer("Period")?.ok_or_else(|| ApiError::missing(&stat.path("Period")))?;
    let text = stat.required_text("Stat")?;
    Ok(MetricStat {
        identity: identity(&metric)?,
        period: check_period(stat, period)?,
        statistic: text.parse().map_err(|()| stat.invalid("Stat", text))?,
        unit: read_unit(stat)?,
    })
}

/// The metric that a request's members name.
pub(super) fn identity(metric: &Reader<'_>) -> Result<Identity, ApiError> {
    Ok(Identity {
        namespace: metric.name("Namespace")?.to_owned(),
        name: metric.name("MetricName")?.to_owned(),
        dimensions: metric.dimensions("Dimensions")?,
    })
}

/// A period that the service takes.
pub(super) fn check_period(item: &Reader<'_>, period: i64) -> Result<i64, ApiError> {
    if is_period(period) { Ok(period) } else { Err(item.invalid("Period", &period.to_string())) }
}
