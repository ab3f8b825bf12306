//! A drawing of how long deliveries took, second by second.

use std::path::Path;

use plotters::prelude::{ChartBuilder, IntoDrawingArea, LineSeries, RGBColor, SVGBackend};
use plotters::style::{Color, WHITE};

use super::figures::Outcome;

/// Pixels.
const SIZE: (u32, u32) = (900, 480);

/// What is drawn: percentiles in their colours.
const LINES: [(&str, f64, RGBColor); 3] = [
    ("p50", 0.5, RGBColor(0x2a, 0x7a, 0xb8)),
    ("p99", 0.99, RGBColor(0xe0, 0x8a, 0x1e)),
    ("max", 1.0, RGBColor(0xc0, 0x39, 0x2b)),
];

/// Draws it into a file.
///
/// # Errors
/// In words, when the file cannot be written.
pub(super) fn draw(file: &Path, outcome: &Outcome) -> Result<(), String> {
    let mut svg = String::new();
    draw_svg(&mut svg, outcome).map_err(|error| error.to_string())?;
    std::fs::write(file, svg).map_err(|error| error.to_string())
}

fn draw_svg(svg: &mut String, outcome: &Outcome) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let last = outcome.seconds.keys().next_back().map_or(1, |second| second + 1);
    let top = millis(outcome.deliveries.max()).max(1.0) * 1.1;
    let title = format!(
        "{} deliveries of {} publications to {} connections",
        outcome.deliveries.len(),
        outcome.published,
        outcome.connects.len(),
    );
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0..last, 0.0..top)?;
    chart.configure_mesh().x_desc("second").y_desc("latency, ms").draw()?;
    for (name, at, colour) in LINES {
        let points = outcome.seconds.iter().map(|(second, of)| (*second, millis(of.value_at_quantile(at))));
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?.label(name).legend(
            move |(x, y)| plotters::element::PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)),
        );
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).draw()?;
    area.present()?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a minute of microseconds is far below what a double counts")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::figures::Figures;
    use super::*;

    #[test]
    fn a_drawing_has_its_lines_and_says_what_it_is() {
        let mut figures = Figures::new();
        for second in 0..3 {
            figures.published(1);
            figures.delivered(Duration::from_secs(second), Duration::from_millis(5 + second));
        }
        let mut svg = String::new();
        draw_svg(&mut svg, &figures.outcome(1, Duration::from_secs(3))).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("3 deliveries of 3 publications"), "{svg}");
        assert!(svg.matches("<polyline").count() >= LINES.len());
        let mut empty = String::new();
        draw_svg(&mut empty, &Figures::new().outcome(1, Duration::ZERO)).unwrap();
        assert!(empty.ends_with("</svg>\n") || empty.ends_with("</svg>"));
    }
}
