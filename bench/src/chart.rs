//! Charts of the results, drawn from `results.json`: SVG of a few lines, so by hand.

use std::{fmt::Write as _, path::Path};

use anyhow::Context as _;

use crate::{
    markdown::number,
    results::Results,
    row::{Measured, Outcome, Row, Side, Target, Verdict},
    stats::size,
};

const WIDTH: f64 = 860.0;
/// Where the bars begin.
const LEFT: f64 = 250.0;
/// And where the longest may end.
const RIGHT: f64 = 740.0;
const LINE: f64 = 26.0;
const TOP: f64 = 44.0;

/// Draws `targets.svg` and `rates.svg` beside the file.
pub(crate) fn draw(results: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(results).with_context(|| results.display().to_string())?;
    let results_read: Results = serde_json::from_str(&text)?;
    let folder = results.parent().context("a folder")?;
    std::fs::write(folder.join("targets.svg"), targets(&results_read))?;
    Ok(std::fs::write(folder.join("rates.svg"), rates(&results_read))?)
}

/// A bar with what stands beside it.
struct Bar {
    label: String,
    /// Its length, as a part of the longest that there can be.
    part: f64,
    /// Spread around its end, likewise.
    spread: [f64; 2],
    text: String,
    colour: &'static str,
}

/// How far every figure is from its target: at the line in the middle it is met exactly, and what is
/// right of it is better.
fn targets(results: &Results) -> String {
    let bars: Vec<Bar> = results.rows.iter().filter_map(target_bar).collect();
    let middle = LEFT + (RIGHT - LEFT) / 2.0;
    let line = format!(
        "<line x1=\"{middle}\" x2=\"{middle}\" y1=\"{}\" y2=\"{}\" stroke=\"#333\" stroke-dasharray=\"4 3\"/>\n",
        TOP - 8.0,
        TOP + LINE * size(bars.len()),
    );
    document("Figures and their targets (dashed; further right is better, in doublings)", &bars, &line)
}

fn target_bar(row: &Row) -> Option<Bar> {
    let Outcome::Measured(measured) = &row.outcome else { return None };
    let better = |figure: f64| match row.target {
        Target::AtLeast(bound) => Some(figure / bound),
        Target::AtMost(bound) => Some(bound / figure),
        Target::Recorded => None,
    };
    // Doubled is a sixteenth of the width further right.
    let part = |figure: f64| better(figure).map(|times| (0.5 + times.log2() / 16.0).clamp(0.0, 1.0));
    let [low, high] = measured.spread;
    let colour = if row.verdict() == Verdict::Pass { "#2e7d32" } else { "#c62828" };
    let text = format!("{}{}", number(measured.figure), row.unit.sign());
    let (part, spread) = (part(measured.figure)?, [part(low)?, part(high)?]);
    Some(Bar { label: row.name.clone(), part, spread, text, colour })
}

/// The rates of all sides, row by row, each row on a scale of its own.
fn rates(results: &Results) -> String {
    let bars: Vec<Bar> = results.rows.iter().flat_map(rate_bars).collect();
    document("Requests per second, each row on its own scale", &bars, "")
}

fn rate_bars(row: &Row) -> Vec<Bar> {
    let Outcome::Measured(Measured { sides, .. }) = &row.outcome else { return Vec::new() };
    let most = sides.iter().map(|side| side.rate).fold(f64::MIN_POSITIVE, f64::max);
    let bar = |(place, side): (usize, &Side)| {
        let part = side.rate / most;
        let label = if place == 0 { format!("{}: {}", row.name, side.name) } else { side.name.clone() };
        let colour = if place == 0 { "#1565c0" } else { "#90a4ae" };
        Bar { label, part, spread: [part, part], text: number(side.rate), colour }
    };
    sides.iter().enumerate().map(bar).collect()
}

fn document(title: &str, bars: &[Bar], more: &str) -> String {
    let height = TOP + LINE * size(bars.len()) + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"14\">{}</text>\n",
        escaped(title)
    );
    for (place, bar) in bars.iter().enumerate() {
        svg += &drawn(bar, TOP + LINE * size(place));
    }
    svg + more + "</svg>\n"
}

fn drawn(bar: &Bar, y: f64) -> String {
    let x = |part: f64| LEFT + (RIGHT - LEFT) * part;
    let (end, [low, high]) = (x(bar.part), bar.spread.map(x));
    let (width, middle, base) = (end - LEFT, y + 8.0, y + 12.0);
    let mut svg = String::new();
    // Writing to a string does not fail.
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>",
        LEFT - 8.0,
        escaped(&bar.label)
    )
    .ok();
    writeln!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" fill=\"{}\"/>",
        bar.colour
    )
    .ok();
    writeln!(svg, "<line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#000\"/>")
        .ok();
    let text = low.max(high).max(end) + 6.0;
    writeln!(svg, "<text x=\"{text:.1}\" y=\"{base}\">{}</text>", escaped(&bar.text)).ok();
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Run, Unit};

    fn row(target: Target, figure: f64) -> Row {
        let side = |name: &str, rate| Side::of(name, &[Run { rate, ..Run::default() }]);
        let sides = vec![side("ours & <all>", 50.0), side("theirs", 200.0)];
        Row {
            name: "some".to_owned(),
            what: String::new(),
            against: String::new(),
            target,
            unit: Unit::Times,
            outcome: Outcome::Measured(Measured::of(vec![figure], sides)),
        }
    }

    fn part(target: Target, figure: f64) -> f64 {
        target_bar(&row(target, figure)).unwrap().part
    }

    #[test]
    fn what_meets_its_target_reaches_the_line() {
        assert!((part(Target::AtLeast(0.65), 0.65) - 0.5).abs() < 1e-9);
        assert!((part(Target::AtLeast(20.0), 40.0) - 0.5625).abs() < 1e-9);
        // Half the memory is as good as twice the rate.
        assert!((part(Target::AtMost(100.0), 50.0) - 0.5625).abs() < 1e-9);
        assert!(part(Target::AtMost(100.0), 0.0) <= 1.0);
        assert!(target_bar(&row(Target::Recorded, 1.0)).is_none());
    }

    #[test]
    fn a_drawing_is_well_formed() {
        let svg = document("a < b", &rate_bars(&row(Target::Recorded, 1.0)), "");
        assert!(svg.contains("some: ours &amp; &lt;all&gt;") && svg.contains("a &lt; b"), "{svg}");
        assert!(svg.contains("width=\"122.5\"") && svg.contains("width=\"490.0\""), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
