//! Pages of a list, and the tokens between them.

use super::error::ApiError;
use super::reader::Reader;

/// What tokens begin with: they mean nothing to anybody else.
const PREFIX: &str = "after-";

/// How many items earlier pages had.
pub(super) fn skipped(input: &Reader<'_>) -> Result<usize, ApiError> {
    let Some(token) = input.text("NextToken")?.filter(|token| !token.is_empty()) else { return Ok(0) };
    token.strip_prefix(PREFIX).and_then(|number| number.parse().ok()).ok_or_else(ApiError::invalid_token)
}

/// The token of the page after so many items.
pub(super) fn token(skipped: usize) -> String {
    format!("{PREFIX}{skipped}")
}

/// One page of at most `size` items, and the token of the next when there is one.
pub(super) fn page<T>(
    items: Vec<T>,
    input: &Reader<'_>,
    size: usize,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let skipped = skipped(input)?;
    let end = skipped.saturating_add(size);
    let next = (items.len() > end).then(|| token(end));
    Ok((items.into_iter().skip(skipped).take(size).collect(), next))
}

/// `MaxRecords`, 100 at most.
pub(super) fn max_records(input: &Reader<'_>) -> Result<usize, ApiError> {
    match input.integer("MaxRecords")? {
        None => Ok(100),
        Some(number @ 1..=100) => Ok(usize::try_from(number).unwrap_or(100)),
        Some(other) => Err(ApiError::validation(format!(
            "1 validation error detected: Value '{other}' at 'maxRecords' failed to satisfy constraint: \
             Member must have value between 1 and 100"
        ))),
    }
}
