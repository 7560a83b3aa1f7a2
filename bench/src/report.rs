//! What a benchmark found out: figures with median and spread, as a table or as JSON.

use std::io::Write;

use serde_json::{Map, Value, json};

/// The result of a benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    benchmark: &'static str,
    /// What one round did.
    about: String,
    figures: Vec<Figure>,
}

#[derive(Debug)]
struct Figure {
    key: String,
    unit: &'static str,
    /// By round, rising.
    values: Vec<f64>,
}

impl Figure {
    fn median(&self) -> f64 {
        let middle = self.values.len() / 2;
        let upper = self.values.get(middle).copied().unwrap_or(f64::NAN);
        match self.values.len() % 2 {
            0 => (upper + self.values.get(middle.wrapping_sub(1)).copied().unwrap_or(upper)) / 2.0,
            _ => upper,
        }
    }

    fn least(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }

    fn most(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }
}

impl Report {
    pub(crate) fn new(benchmark: &'static str, about: impl Into<String>) -> Self {
        Self { benchmark, about: about.into(), figures: Vec::new() }
    }

    /// Adds a figure: its value in each round.
    pub(crate) fn figure(
        &mut self,
        key: impl Into<String>,
        unit: &'static str,
        values: impl IntoIterator<Item = f64>,
    ) {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        self.figures.push(Figure { key: key.into(), unit, values });
    }

    /// Prints all figures, and nothing else.
    pub(crate) fn print(&self, as_json: bool) -> Result<(), String> {
        let text = if as_json { self.to_json().to_string() } else { self.to_table() };
        writeln!(std::io::stdout(), "{text}").map_err(|error| error.to_string())
    }

    /// The medians by key, and all of each figure under `figures`.
    fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("benchmark".into(), self.benchmark.into());
        json.insert("about".into(), self.about.as_str().into());
        for figure in &self.figures {
            json.insert(figure.key.clone(), json!(figure.median()));
        }
        let all = self.figures.iter().map(|figure| {
            let (median, min, max) = (figure.median(), figure.least(), figure.most());
            let rounds = figure.values.len();
            let all =
                json!({"unit": figure.unit, "median": median, "min": min, "max": max, "rounds": rounds});
            (figure.key.clone(), all)
        });
        json.insert("figures".into(), all.collect());
        Value::Object(json)
    }

    fn to_table(&self) -> String {
        let width = self.figures.iter().map(|figure| figure.key.len()).max().unwrap_or(0);
        let mut table = format!("{}: {}\n", self.benchmark, self.about);
        table.push_str(&format!("{:width$}  {:>12}  {:>25}  unit", "", "median", "min – max"));
        for figure in &self.figures {
            let spread = format!("{} – {}", readable(figure.least()), readable(figure.most()));
            let median = readable(figure.median());
            table.push_str(&format!("\n{:width$}  {median:>12}  {spread:>25}  {}", figure.key, figure.unit));
        }
        table
    }
}

/// Four digits that count, and groups of three.
fn readable(value: f64) -> String {
    let digits = match value.abs() {
        n if n >= 1000.0 => 0,
        n if n >= 100.0 => 1,
        n if n >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (n, c) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(' ');
        }
        grouped.push(c);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_its_median_and_its_spread() {
        let mut report = Report::new("b", "c");
        report.figure("odd", "x", [3.0, 1.0, 2.0]);
        report.figure("even", "x", [4.0, 1.0, 2.0, 3.0]);
        let json = report.to_json();
        assert_eq!(json["odd"], 2.0);
        assert_eq!(json["even"], 2.5);
        let odd = json!({"unit": "x", "median": 2.0, "min": 1.0, "max": 3.0, "rounds": 3});
        assert_eq!(json["figures"]["odd"], odd);
    }

    #[test]
    fn numbers_are_grouped() {
        for (value, expected) in [(0.12345, "0.123"), (1234567.8, "1 234 568"), (-123.45, "-123.5")] {
            assert_eq!(readable(value), expected);
        }
    }
}
