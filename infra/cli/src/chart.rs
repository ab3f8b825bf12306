//! Charts of letters.

/// Heights of a sparkline's columns.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Widths of a bar's last cell.
const WIDTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// One column a value; where there is none, the line is empty. Heights are from zero, or from the
/// smallest value when one is below it.
pub(crate) fn sparkline(values: &[Option<f64>]) -> String {
    let known = || values.iter().copied().flatten();
    let low = known().fold(0.0, f64::min);
    let high = known().fold(0.0, f64::max);
    let column = |value: &Option<f64>| match value {
        None => ' ',
        Some(value) => HEIGHTS.get(eighths((value - low) / (high - low), 1).min(7)).copied().unwrap_or('█'),
    };
    values.iter().map(column).collect()
}

/// A bar as long as the value is beside the largest one, which is `width` cells long.
pub(crate) fn bar(value: f64, largest: f64, width: usize) -> String {
    let eighths = eighths(value / largest, width);
    let (full, rest) = (eighths / 8, eighths % 8);
    let mut bar = "█".repeat(full);
    if let Some(last) = rest.checked_sub(1).and_then(|rest| WIDTHS.get(rest)) {
        bar.push(*last);
    }
    bar
}

/// A share of so many cells in eighths of a cell.
fn eighths(share: f64, cells: usize) -> usize {
    if !share.is_finite() {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a terminal is not wide")]
    let eighths = (share.clamp(0.0, 1.0) * cells as f64 * 8.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is small and not negative"
    )]
    let eighths = eighths as usize;
    eighths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_has_a_column_for_each_value() {
        let check =
            |values: &[Option<f64>], expected: &str| assert_eq!(sparkline(values), expected, "{values:?}");
        check(&[Some(0.0), Some(4.0), None, Some(8.0)], "▁▅ █");
        check(&[Some(3.0), Some(3.0)], "██");
        check(&[Some(0.0), Some(0.0)], "▁▁");
        check(&[Some(-2.0), Some(0.0)], "▁█");
        check(&[None], " ");
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(10.0, 10.0, 4), "████");
        assert_eq!(bar(5.0, 10.0, 3), "█▌");
        assert_eq!(bar(0.0, 10.0, 4), "");
        assert_eq!(bar(0.0, 0.0, 4), "");
        assert_eq!(bar(-1.0, 10.0, 4), "");
    }
}
