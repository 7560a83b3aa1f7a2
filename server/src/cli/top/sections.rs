//! The parts of the picture: pathways, limits, circuits, topics and runs, what matters most first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cells::{Line, Tone, cell, cut, number};
use super::picture::since;
use super::rates::Rate;
use super::seen::Seen;
use crate::cli::run::duration;
use crate::cli::terminal::counted;
use crate::operations::{Circuit, Limit, Overview, Pathway, Source, Summary};

/// The least that the name of a pathway gets.
const NAME: usize = 14;
/// The most that names get.
const NAMES: usize = 40;
/// The longest and the shortest bar.
const BAR: usize = 20;
const SHORT_BAR: usize = 6;
/// What stands behind a bar.
const BEHIND: usize = 17;
/// The id of a run.
const ID: usize = 36;

/// A table with its head.
pub(super) struct Section {
    pub(super) head: Line,
    pub(super) rows: Vec<Line>,
}

/// All that have something to say.
pub(super) fn all(seen: &Seen, width: usize) -> Vec<Section> {
    let now = &seen.now;
    let sections = [
        circuits(now),
        pathways(now, &seen.rates(), width),
        limits(&now.limits.limits, width),
        topics(now, width),
        runs(now, width),
    ];
    sections.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

/// What is said of a pathway.
struct Column {
    head: &'static str,
    width: usize,
    /// Which goes first where there is no room: the highest.
    goes: u8,
    says: fn(&Pathway, &Rate) -> String,
}

const COLUMNS: [Column; 7] = [
    Column { head: "START/S", width: 8, goes: 5, says: |_, rate| per_second(rate.started) },
    Column { head: "DONE/S", width: 8, goes: 0, says: |_, rate| per_second(rate.done) },
    Column { head: "FAIL/S", width: 8, goes: 3, says: |_, rate| per_second(rate.failed) },
    Column { head: "RUNNING", width: 8, goes: 1, says: |pathway, _| pathway.running.to_string() },
    Column { head: "QUEUED", width: 8, goes: 2, says: |pathway, _| pathway.queued.to_string() },
    Column { head: "P50", width: 10, goes: 6, says: |_, rate| time(rate.p50) },
    Column { head: "P99", width: 10, goes: 4, says: |_, rate| time(rate.p99) },
];

fn pathways(now: &Overview, rates: &[Rate], width: usize) -> Section {
    let mut columns: Vec<&Column> = COLUMNS.iter().collect();
    let wide = |columns: &[&Column]| columns.iter().map(|column| column.width).sum::<usize>();
    while wide(&columns) + NAME > width && columns.len() > 1 {
        let last = columns.iter().map(|column| column.goes).max();
        columns.retain(|column| Some(column.goes) != last);
    }
    let room = width.saturating_sub(wide(&columns));
    let names = names(now.pathways.iter().map(|pathway| pathway.name.as_str()), room);
    let row = |name: &str, says: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().map(|column| number(&says(column), column.width));
        cell(name, names) + &cells.collect::<String>()
    };
    let head = Line::of(row("PATHWAY", &|column| column.head.to_owned()), Tone::Dim);
    let mut known: Vec<(&Pathway, &Rate)> = now.pathways.iter().zip(rates).collect();
    // Those of which something happens come first, and all keep their places otherwise.
    known.sort_by_key(|(pathway, rate)| !is_busy(pathway, rate));
    let rows = known.into_iter().map(|(pathway, rate)| {
        let text = row(&pathway.name, &|column| (column.says)(pathway, rate));
        let tone = match is_busy(pathway, rate) {
            _ if rate.failed > 0.0 => Tone::Bad,
            true => Tone::Plain,
            false => Tone::Dim,
        };
        Line::of(text, tone)
    });
    Section { head, rows: rows.collect() }
}

fn is_busy(pathway: &Pathway, rate: &Rate) -> bool {
    let happens = rate.started > 0.0 || rate.done > 0.0 || rate.failed > 0.0;
    happens || pathway.running > 0 || pathway.queued > 0
}

fn limits(limits: &[Limit], width: usize) -> Section {
    let is_told = |limit: &&Limit| {
        limit.permits.is_some() || limit.in_use > 0 || limit.waiting > 0 || limit.source == Source::Operator
    };
    let mut known: Vec<&Limit> = limits.iter().filter(is_told).collect();
    known.sort_by_key(|limit| (limit.waiting == 0, limit.in_use == 0));
    let room = width.saturating_sub(SHORT_BAR + BEHIND + 1);
    let names = names(known.iter().map(|limit| limit.name.as_str()), room);
    let bar = width.saturating_sub(names + BEHIND + 1).clamp(SHORT_BAR, BAR);
    let rows = known.into_iter().map(|limit| {
        let tone = if limit.waiting > 0 { Tone::Bad } else { Tone::Good };
        let of = limit.permits.map_or_else(|| "any".to_owned(), |permits| permits.to_string());
        // Of keys the busiest has the most.
        let each = limit.keys.map(|keys| format!(" per key, {}", counted(keys, "key")));
        let taken = format!(" {} of {of}{}", limit.fullest(), each.unwrap_or_default());
        let waiting = if limit.waiting > 0 { format!(", {} wait", limit.waiting) } else { String::new() };
        let source = if limit.source == Source::Operator { ", by an operator" } else { "" };
        let (full, empty) = filled(limit, bar);
        // What has no end is never full.
        let rest = if limit.permits.is_some() { "░" } else { " " };
        Line::plain(cell(&limit.name, names))
            .and("█".repeat(full), tone)
            .and(rest.repeat(empty), Tone::Dim)
            .and(taken, Tone::Plain)
            .and(waiting, Tone::Bad)
            .and(source, Tone::Dim)
    });
    Section { head: Line::of(cell("LIMIT", names) + "IN USE", Tone::Dim), rows: rows.collect() }
}

/// How much of a bar is full: something, where anything is.
fn filled(limit: &Limit, bar: usize) -> (usize, usize) {
    let set_aside = if limit.keys.is_some() { 0 } else { limit.set_aside };
    let taken = limit.fullest() + set_aside;
    let full = match limit.permits {
        Some(0) => bar,
        Some(permits) => (taken.saturating_mul(bar)).div_ceil(permits).min(bar),
        None => 0,
    };
    (full, bar - full)
}

/// Those that let nothing through, or only some.
fn circuits(now: &Overview) -> Section {
    let told = |circuit: &Circuit| {
        let until =
            circuit.half_opens_at.map(|at| format!(", tried again in {}", duration(since(now.now, at))));
        let failures = counted(circuit.failures as usize, "failure");
        let text =
            format!("{} after {failures}{}", circuit.state.replace('_', "-"), until.unwrap_or_default());
        Line::of(format!("{}  ", circuit.name), Tone::Bold).and(text, Tone::Bad)
    };
    let rows = now.circuits.iter().filter(|circuit| circuit.state != "closed").map(told);
    Section { head: Line::of("CIRCUIT", Tone::Dim), rows: rows.collect() }
}

/// Those that work is behind of.
fn topics(now: &Overview, width: usize) -> Section {
    let mut behind = BTreeMap::<&str, (u64, usize)>::new();
    for lag in now.lags.iter().filter(|lag| lag.records > 0) {
        let (records, partitions) = behind.entry(&lag.topic).or_default();
        (*records, *partitions) = (records.saturating_add(lag.records), *partitions + 1);
    }
    let names = names(behind.keys().copied(), width / 2);
    let mut rows: Vec<(&str, (u64, usize))> = behind.into_iter().collect();
    rows.sort_by_key(|(_, (records, _))| std::cmp::Reverse(*records));
    let rows = rows.into_iter().map(|(topic, (records, partitions))| {
        let partitions = counted(partitions, "partition");
        Line::plain(format!("{}{records} in {partitions}", cell(topic, names)))
    });
    Section { head: Line::of(cell("TOPIC", names) + "RECORDS BEHIND", Tone::Dim), rows: rows.collect() }
}

/// Runs that have been there the longest.
fn runs(now: &Overview, width: usize) -> Section {
    const SINCE: usize = 11;
    const DOES: usize = 10;
    let room = width.saturating_sub(SINCE + DOES);
    let has_id = room > ID + NAME;
    let names = match has_id {
        true => names(now.longest.iter().map(|run| run.pathway.as_str()), room - ID),
        false => room,
    };
    let row = |since: &str, does: &str, pathway: &str, id: &str| {
        let text = number(since, SINCE - 1) + " " + &cell(does, DOES) + &cell(pathway, names);
        if has_id { text + &cut(id, ID) } else { text }
    };
    let rows = now.longest.iter().map(|run: &Summary| {
        let age = run.created_at.map_or_else(|| "-".to_owned(), |at| duration(since(at, now.now)));
        let tone = if run.now() == "waiting" { Tone::Dim } else { Tone::Plain };
        Line::of(row(&age, run.now(), &run.pathway, &run.id), tone)
    });
    Section { head: Line::of(row("FOR", "DOES", "PATHWAY", "RUN"), Tone::Dim), rows: rows.collect() }
}

/// How wide a column of names is that has so much room.
fn names<'a>(names: impl Iterator<Item = &'a str>, room: usize) -> usize {
    let longest = names.map(|name| name.chars().count() + 2).max().unwrap_or(0);
    longest.clamp(NAME, NAMES).min(room)
}

fn per_second(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        ..0.05 => "<0.1".to_owned(),
        ..100.0 => format!("{rate:.1}"),
        _ => format!("{rate:.0}"),
    }
}

fn time(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return "-".to_owned() };
    let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if time < Duration::from_millis(1) { "<1 ms".to_owned() } else { duration(time) }
}
