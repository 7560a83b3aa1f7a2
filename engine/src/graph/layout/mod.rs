//! Where everything of a drawing stands, in pixels: a layered layout, of each block by itself.
//!
//! A block is laid out in four passes: [layers](layers), so that what waits stands below what it waits
//! for; [order] within layers, so that few edges cross; [columns], so that edges are straight; and rows.
//! What is inside of a step is laid out first, and makes up its size. The method is that of Sugiyama,
//! Tagawa and Toda, *Methods for Visual Understanding of Hierarchical System Structures* (1981).

mod columns;
mod layers;
mod order;

use self::layers::{Cell, Layers};
use super::drawing::{Group, Item};
use super::line;
use crate::compile::Reason;

/// Of a character of the fixed-width font of 12 pixels, at most.
const CHARACTER: f64 = 7.3;
/// Of a line of text.
pub(super) const LINE: f64 = 17.0;
/// Between text and what is around it.
pub(super) const PADDING: f64 = 10.0;
/// Between neighbours.
const GAP: f64 = 22.0;
/// Between layers, for edges.
const RISE: f64 = 34.0;
/// Of a place at which a long edge passes a layer.
const PASSAGE: f64 = 6.0;

/// A rectangle, in the coordinates of what it is in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A block that was laid out.
#[derive(Debug, Default)]
pub(super) struct Laid<'a> {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) boxes: Vec<Boxed<'a>>,
    pub(super) curves: Vec<Curve>,
}

/// A step or a return.
#[derive(Debug)]
pub(super) struct Boxed<'a> {
    pub(super) item: &'a Item,
    pub(super) frame: Frame,
    /// Blocks inside of it, in its coordinates.
    pub(super) parts: Vec<Part<'a>>,
}

/// A block inside of a step.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) title: Option<&'a str>,
    pub(super) frame: Frame,
    pub(super) laid: Laid<'a>,
}

/// An edge, from point to point downwards.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) reason: Reason,
    pub(super) points: Vec<(f64, f64)>,
}

/// Lays out a block.
pub(super) fn lay_out(group: &Group) -> Laid<'_> {
    let mut boxes: Vec<Boxed<'_>> = group.items.iter().map(size).collect();
    let mut layers = Layers::of(group, boxes.iter().map(|it| it.frame.width));
    order::improve(&mut layers);
    let width = columns::align(&mut layers);
    let height = rows(&mut layers, &mut boxes);
    let curves = curves(group, &layers, &boxes);
    Laid { width, height, boxes, curves }
}

/// How much room some text takes.
pub(super) fn text_width(text: &str) -> f64 {
    // Wide scripts take two places.
    let places = line(text).chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum::<u16>();
    f64::from(places) * CHARACTER
}

/// Lays out what is inside of an item, and makes it as large as that needs.
fn size(item: &Item) -> Boxed<'_> {
    let lines = u32::try_from(item.label.len()).unwrap_or(u32::MAX);
    // The mark of how it stands goes behind its name.
    let text = item.label.iter().map(|text| text_width(text)).fold(0.0, f64::max) + 2.0 * CHARACTER;
    let top = f64::from(lines) * LINE + PADDING;
    let (mut right, mut bottom) = (PADDING, top);
    let mut parts = Vec::with_capacity(item.parts.len());
    for (title, group) in &item.parts {
        let laid = lay_out(group);
        let title = title.as_deref();
        let head = title.map_or(0.0, |_| LINE);
        let inside = laid.width.max(title.map_or(0.0, text_width)) + 2.0 * PADDING;
        let frame = Frame { x: right, y: top, width: inside, height: head + laid.height + 2.0 * PADDING };
        right += frame.width + PADDING;
        bottom = f64::max(bottom, top + frame.height + PADDING);
        parts.push(Part { title, frame, laid });
    }
    let width = f64::max(text + 2.0 * PADDING, if parts.is_empty() { 0.0 } else { right });
    let height = if parts.is_empty() { top } else { bottom };
    Boxed { item, frame: Frame { width, height, ..Frame::default() }, parts }
}

/// Puts layers below each other, and boxes where their cells are; tells the height of all.
fn rows(layers: &mut Layers, boxes: &mut [Boxed<'_>]) -> f64 {
    let mut top = 0.0;
    for row in &layers.rows {
        let items = || row.iter().filter_map(|cell| layers.cells.get(*cell)?.item);
        let height = items().filter_map(|item| boxes.get(item)).map(|it| it.frame.height).fold(0.0, f64::max);
        for cell in row {
            let Some(cell) = layers.cells.get_mut(*cell) else { continue };
            (cell.top, cell.bottom) = (top, top + height);
            if let Some(boxed) = cell.item.and_then(|item| boxes.get_mut(item)) {
                boxed.frame.x = cell.center - boxed.frame.width / 2.0;
                boxed.frame.y = top + (height - boxed.frame.height) / 2.0;
                cell.bottom = boxed.frame.y + boxed.frame.height;
                cell.top = boxed.frame.y;
            }
        }
        top += height + RISE;
    }
    (top - RISE).max(0.0)
}

/// The ways of edges through the layers.
fn curves(group: &Group, layers: &Layers, boxes: &[Boxed<'_>]) -> Vec<Curve> {
    let along = |(edge, way): (&super::drawing::Line, &Vec<usize>)| {
        let start = boxes.get(edge.from)?.frame;
        let end = boxes.get(edge.to)?.frame;
        let mut points = vec![(start.x + start.width / 2.0, start.y + start.height)];
        for cell in way.iter().filter_map(|cell| layers.cells.get(*cell)) {
            points.extend([(cell.center, cell.top), (cell.center, cell.bottom)]);
        }
        points.push((end.x + end.width / 2.0, end.y));
        Some(Curve { reason: edge.reason, points })
    };
    group.edges.iter().zip(&layers.ways).filter_map(along).collect()
}

impl Cell {
    /// How far apart it and its right neighbour are, from middle to middle.
    fn distance(&self, next: &Self) -> f64 {
        let gap = if self.item.is_some() || next.item.is_some() { GAP } else { PASSAGE };
        (self.width + next.width) / 2.0 + gap
    }
}
