//! What was seen, as lines for a terminal: as wide and as high as that is, or as many as there are.

use std::time::Duration;

use jiff::Timestamp;

use super::cells::{Line, Tone};
use super::sections::{self, Section};
use super::seen::Seen;
use crate::cli::run::{Style, duration};
use crate::cli::terminal::counted;

/// Columns and lines; without the latter as many as there are.
pub(super) type Size = (usize, Option<usize>);

/// Draws what was seen, when it is `at`.
pub(super) fn picture(seen: &Seen, at: Timestamp, (width, height): Size, style: Style) -> Vec<String> {
    let mut lines = head(seen, at);
    let sections = sections::all(seen, width);
    match height {
        None => lines.extend(in_full(sections)),
        Some(height) => {
            let left = height.saturating_sub(lines.len());
            let wanted: usize = sections.iter().map(|section| section.rows.len() + 2).sum();
            match wanted <= left {
                true => lines.extend(in_full(sections)),
                false => lines.extend(in_part(sections, left)),
            }
            lines.truncate(height);
        }
    }
    lines.iter().map(|line| line.shown(width, style)).collect()
}

/// What the whole server does.
fn head(seen: &Seen, at: Timestamp) -> Vec<Line> {
    let now = &seen.now;
    let up = since(now.since, now.now);
    let address = seen.url.strip_prefix("http://").unwrap_or(&seen.url);
    let mut lines =
        vec![Line::of(format!("pathway {}", now.version), Tone::Bold).and(
            format!("  {}  {}  up {}  {}", now.role, clock(now.now), duration(up), address),
            Tone::Plain,
        )];
    if let Some(away) = &seen.away {
        let text = format!(
            "AWAY since {}, {}: {}; asking again",
            clock(away.since),
            duration(since(away.since, at)),
            away.why
        );
        lines.push(Line::of(text, Tone::Bad));
    }
    let runs =
        format!("{} awake, {} asleep, {} not over, ", now.runs.active, now.runs.asleep, now.runs.ready);
    let parked = if now.runs.parked > 0 { Tone::Bad } else { Tone::Plain };
    lines.push(name("runs").and(runs, Tone::Plain).and(format!("{} parked", now.runs.parked), parked));
    let behind: u64 = now.lags.iter().map(|lag| lag.records).sum();
    let outbox = Duration::try_from_secs_f64(now.outbox_age).unwrap_or_default();
    let topics = format!(
        "{} behind, outbox {}, inbox {}",
        counted(usize::try_from(behind).unwrap_or(usize::MAX), "record"),
        if outbox.is_zero() { "empty".to_owned() } else { format!("{} old", duration(outbox)) },
        now.inbox
    );
    lines.push(name("topics").and(topics, Tone::Plain));
    let of = match &seen.before {
        Some((_, over)) => format!("of the last {}", duration(*over)),
        None => "since it began".to_owned(),
    };
    lines.push(name("rates").and(of, Tone::Plain));
    lines
}

fn name(name: &str) -> Line {
    Line::of(format!("{name:<8}"), Tone::Dim)
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// The time between, if the clock was not set back.
pub(super) fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// All lines, with space between.
fn in_full(sections: Vec<Section>) -> Vec<Line> {
    let shown = sections
        .into_iter()
        .flat_map(|section| [Line::default(), section.head].into_iter().chain(section.rows));
    shown.collect()
}

/// As many lines as there is room for, shared among the sections; each tells how many it leaves out.
fn in_part(sections: Vec<Section>, room: usize) -> Vec<Line> {
    // Of each its head and a row, of as many as that is possible for.
    let sections: Vec<Section> = sections.into_iter().take(room / 2).collect();
    let mut left = room - sections.len() * 2;
    let mut rows: Vec<usize> = sections.iter().map(|section| section.rows.len().min(1)).collect();
    loop {
        let mut is_full = true;
        for (rows, section) in rows.iter_mut().zip(&sections) {
            if left > 0 && *rows < section.rows.len() {
                (*rows, left, is_full) = (*rows + 1, left - 1, false);
            }
        }
        if is_full {
            break;
        }
    }
    let mut lines = Vec::with_capacity(room);
    for (section, rows) in sections.into_iter().zip(rows) {
        let all = section.rows.len();
        let kept = if rows < all { rows.saturating_sub(1) } else { rows };
        lines.push(section.head);
        lines.extend(section.rows.into_iter().take(kept));
        if kept < all {
            lines.push(Line::of(format!("… and {} more", all - kept), Tone::Dim));
        }
    }
    lines
}
