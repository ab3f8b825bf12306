//! Numbers in text: what counts as one, and how results show one.

/// The number that a text is, with white space around it allowed. Words such as `inf` are none.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim_ascii();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned.as_bytes() {
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => {
            text.parse().ok().filter(|found: &f64| found.is_finite())
        }
        _ => None,
    }
}

/// A computed number as results show it: no exponent, at most four decimals, and four significant
/// digits below a thousandth.
pub(super) fn display(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let decimals = if value.abs() >= 0.001 { 4 } else { leading_zeros(value) + 4 };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Zeros between the point and the first digit that is none.
fn leading_zeros(value: f64) -> usize {
    to_i64(-value.abs().log10().floor())
        .and_then(|digits| usize::try_from(digits - 1).ok())
        .unwrap_or(0)
        .min(300)
}

/// A whole number out of a float, cut towards zero; `None` outside its range.
pub(super) fn to_i64(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked, and the fraction is to go")]
    (-LIMIT..LIMIT).contains(&value).then_some(value as i64)
}

/// A count as a number of the language, which are all 64-bit floats.
#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are beyond any log")]
pub(super) fn from_u64(count: u64) -> f64 {
    count as f64
}

/// A moment or another whole number as a number of the language.
#[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53 for 285,000 years")]
pub(super) fn from_i64(value: i64) -> f64 {
    value as f64
}

/// A length as a number of the language.
pub(super) fn from_usize(count: usize) -> f64 {
    from_u64(u64::try_from(count).unwrap_or(u64::MAX))
}
