//! A run drawn as a timeline: a row per step, its attempts as bars, as wide as the terminal.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::run::{Style, duration, line};
use crate::operations::{Bar, Row, Timeline};

/// The least that bars get.
const NARROWEST: usize = 10;
/// The most that names get.
const NAMES: usize = 30;
/// What is kept for what stands behind a bar.
const BEHIND: usize = 24;

/// The drawing; none if there is nothing to draw.
pub(super) fn drawn(timeline: &Timeline, style: Style, width: usize) -> Option<String> {
    let rows: Vec<&Row> = timeline.rows.iter().filter(|row| !row.bars.is_empty()).collect();
    let longest = rows.iter().map(|row| row.path.chars().count()).max()?;
    let names = (longest + 1).min(NAMES).min(width / 3).max(2);
    let columns = width.saturating_sub(names + 2 + 2 + BEHIND).max(NARROWEST);
    let scale = Scale { from: timeline.from, to: timeline.to, columns };
    let end = duration(scale.whole());
    let axis = format!("0{:>width$}", end, width = columns.saturating_sub(1));
    let mut lines = vec![style.dim(&format!("{:names$}  {axis}", ""))];
    for row in rows {
        let name = line(&row.path, names.saturating_sub(1));
        let bars = scale.bars(&row.bars, style);
        lines
            .push(format!("{name:names$}  {bars}  {}", behind(&row.bars, timeline.to)).trim_end().to_owned());
    }
    if timeline.rows_omitted > 0 {
        lines.push(format!("… and {} more", timeline.rows_omitted));
    }
    lines.push(style.dim("░ waits for its turn  █ runs  ▒ fails  ▓ is under way"));
    Some(lines.join("\n"))
}

/// From times to columns.
struct Scale {
    from: Timestamp,
    to: Timestamp,
    columns: usize,
}

/// What a column shows; a later attempt is drawn over an earlier one, and what runs over what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Nothing,
    Waits,
    Runs,
    Fails,
    UnderWay,
}

impl Scale {
    fn whole(&self) -> Duration {
        Duration::try_from(self.to.duration_since(self.from)).unwrap_or_default()
    }

    /// The column in which a time is.
    fn column(&self, at: Timestamp) -> usize {
        let whole = self.whole().as_nanos().max(1);
        let since = Duration::try_from(at.duration_since(self.from)).unwrap_or_default().as_nanos();
        let column = since.saturating_mul(self.columns as u128) / whole;
        usize::try_from(column).unwrap_or(usize::MAX).min(self.columns.saturating_sub(1))
    }

    fn bars(&self, bars: &[Bar], style: Style) -> String {
        let mut cells = vec![Cell::Nothing; self.columns];
        for bar in bars {
            let (to, turn) = bar.times(self.to);
            let kind = match (bar.to, bar.failed()) {
                (None, _) => Cell::UnderWay,
                (Some(_), true) => Cell::Fails,
                (Some(_), false) => Cell::Runs,
            };
            let (from, turn, to) = (self.column(bar.from), self.column(turn), self.column(to));
            for (column, cell) in cells.iter_mut().enumerate() {
                match column {
                    _ if (turn..=to).contains(&column) => *cell = kind,
                    _ if (from..turn).contains(&column) && *cell == Cell::Nothing => *cell = Cell::Waits,
                    _ => {}
                }
            }
        }
        cells
            .chunk_by(|a, b| a == b)
            .map(|run| match run.first() {
                Some(Cell::Waits) => style.dim(&"░".repeat(run.len())),
                Some(Cell::Runs) => style.green(&"█".repeat(run.len())),
                Some(Cell::Fails) => style.red(&"▒".repeat(run.len())),
                Some(Cell::UnderWay) => style.bold(&"▓".repeat(run.len())),
                Some(Cell::Nothing) | None => " ".repeat(run.len()),
            })
            .collect()
    }
}

/// How long it ran and waited, over all attempts.
fn behind(bars: &[Bar], now: Timestamp) -> String {
    let between =
        |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).unwrap_or_default();
    let (mut ran, mut waited) = (Duration::ZERO, Duration::ZERO);
    for bar in bars {
        let (to, turn) = bar.times(now);
        ran += between(turn, to);
        waited += between(bar.from, turn);
    }
    let mut text = duration(ran);
    if waited >= Duration::from_millis(1) {
        text.push_str(&format!(" after {}", duration(waited)));
    }
    if bars.len() > 1 {
        text.push_str(&format!(", {}×", bars.len()));
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::run::bare;
    use jiff::SignedDuration;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(millis.try_into().unwrap())
    }

    /// Some runs: attempts of a step follow each other, and the last may be under way.
    pub(crate) fn timelines() -> impl Strategy<Value = Timeline> {
        let bar = (0_u64..500, 0_u64..500, proptest::option::of(0_u64..600), any::<bool>());
        let row = ("[a-e]{1,2}(\\[[0-9]\\])?(\\.[a-e]{1,60})?", vec(bar, 0..5), any::<bool>());
        (vec(row, 0..12), 0_u64..3000).prop_map(|(rows, length)| {
            let mut timeline = Timeline {
                id: "r".to_owned(),
                pathway: "p".to_owned(),
                from: at(0),
                to: at(length),
                rows: Vec::new(),
                rows_omitted: 0,
                untold: None,
            };
            for (path, bars, is_under_way) in rows {
                let (mut now, mut row) = (0, Row { path, bars: Vec::new() });
                for (n, (pause, length, took, failed)) in (1..).zip(bars) {
                    let from = now + pause;
                    now = from + length;
                    let result = Some(if failed { "outage" } else { "ok" }.to_owned());
                    row.bars.push(Bar { attempt: n, from: at(from), to: Some(at(now)), took, result });
                }
                if let Some(last) = row.bars.last_mut().filter(|_| is_under_way) {
                    (last.to, last.took, last.result) = (None, None, None);
                }
                timeline.to = timeline.to.max(at(now));
                if timeline.rows.iter().all(|known| known.path != row.path) {
                    timeline.rows.push(row);
                }
            }
            timeline
        })
    }

    proptest! {
        #[test]
        fn a_row_per_step_each_with_a_bar_and_none_wider_than_the_terminal(
            timeline in timelines(), width in 60_usize..200
        ) {
            let plain = drawn(&timeline, Style { color: false }, width);
            let rows: Vec<&Row> = timeline.rows.iter().filter(|row| !row.bars.is_empty()).collect();
            prop_assert_eq!(plain.is_some(), !rows.is_empty());
            let Some(plain) = plain else { return Ok(()) };
            let escapes = plain.matches('\u{1b}').count();
            prop_assert_eq!(escapes, 0);
            let lines: Vec<&str> = plain.lines().collect();
            prop_assert_eq!(lines.len(), rows.len() + 2, "an axis before and a key after");
            for (line, row) in lines.iter().skip(1).zip(rows) {
                prop_assert!(line.chars().count() <= width, "{}: {}", width, line);
                let has = |sign: char| line.contains(sign);
                prop_assert!(has('█') || has('▒') || has('▓'), "{}", line);
                let is_under_way = row.bars.iter().any(|bar| bar.to.is_none());
                prop_assert!(!is_under_way || has('▓'), "{}", line);
                let waits = row.bars.iter().any(|bar| bar.times(timeline.to).1 > bar.from);
                prop_assert!(waits || !has('░'), "nothing waited: {}", line);
            }
            let colored = drawn(&timeline, Style { color: true }, width).unwrap();
            prop_assert_eq!(bare(&colored), plain, "colours change nothing else");
        }
    }
}
