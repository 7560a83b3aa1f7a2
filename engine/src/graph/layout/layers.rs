//! Layers: each item stands as far below the sources as the longest way to it is long. An edge that
//! passes layers has a cell in each of them, so that nothing else stands where it runs.

use super::super::drawing::Group;
use super::PASSAGE;

/// Cells of long edges, above which they are drawn straight across: thousands of steps that all wait
/// for the first would need millions.
const MOST: usize = 20_000;

/// A place in a layer: of an item, or of an edge that passes.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) item: Option<usize>,
    pub(super) width: f64,
    pub(super) center: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    /// Cells of the layer above and below that edges lead to.
    pub(super) above: Vec<usize>,
    pub(super) below: Vec<usize>,
}

impl Cell {
    fn new(item: Option<usize>, width: f64) -> Self {
        Self { item, width, center: 0.0, top: 0.0, bottom: 0.0, above: Vec::new(), below: Vec::new() }
    }
}

/// The items of a block in layers.
#[derive(Debug)]
pub(super) struct Layers {
    /// Those of items first, by index.
    pub(super) cells: Vec<Cell>,
    /// Cells of each layer, from left to right.
    pub(super) rows: Vec<Vec<usize>>,
    /// By edge: the cells by which it passes layers.
    pub(super) ways: Vec<Vec<usize>>,
}

impl Layers {
    /// Those of a block whose items are so wide.
    pub(super) fn of(group: &Group, widths: impl Iterator<Item = f64>) -> Self {
        let mut cells: Vec<Cell> =
            widths.enumerate().map(|(item, width)| Cell::new(Some(item), width)).collect();
        let depths = depths(group);
        let mut rows = vec![Vec::new(); depths.iter().max().map_or(0, |deepest| deepest + 1)];
        let put = |rows: &mut Vec<Vec<usize>>, depth: usize, cell| {
            rows.get_mut(depth).into_iter().for_each(|row| row.push(cell));
        };
        for (item, depth) in depths.iter().enumerate() {
            put(&mut rows, *depth, item);
        }
        let depth = |item: usize| depths.get(item).copied().unwrap_or(0);
        let passed = group.edges.iter().map(|edge| depth(edge.to).saturating_sub(depth(edge.from) + 1));
        let is_sparse = passed.sum::<usize>() <= MOST;
        let mut ways = Vec::with_capacity(group.edges.len());
        for edge in &group.edges {
            let mut way = Vec::new();
            let mut last = edge.from;
            if is_sparse {
                for depth in depth(edge.from) + 1..depth(edge.to) {
                    let cell = cells.len();
                    cells.push(Cell::new(None, PASSAGE));
                    put(&mut rows, depth, cell);
                    link(&mut cells, last, cell);
                    way.push(cell);
                    last = cell;
                }
            }
            if is_sparse || depth(edge.to) == depth(edge.from) + 1 {
                link(&mut cells, last, edge.to);
            }
            ways.push(way);
        }
        Self { cells, rows, ways }
    }
}

fn link(cells: &mut [Cell], above: usize, below: usize) {
    cells.get_mut(above).into_iter().for_each(|cell| cell.below.push(below));
    cells.get_mut(below).into_iter().for_each(|cell| cell.above.push(above));
}

/// By item: the length of the longest way to it. Edges of a plan make no circle.
fn depths(group: &Group) -> Vec<usize> {
    let count = group.items.len();
    let mut next = vec![Vec::new(); count];
    let mut waits = vec![0_usize; count];
    for edge in &group.edges {
        if let (Some(next), Some(waits)) = (next.get_mut(edge.from), waits.get_mut(edge.to)) {
            next.push(edge.to);
            *waits += 1;
        }
    }
    let mut depths = vec![0_usize; count];
    let mut ready: Vec<usize> = (0..count).filter(|item| waits.get(*item) == Some(&0)).collect();
    while let Some(item) = ready.pop() {
        let depth = depths.get(item).map_or(1, |depth| depth + 1);
        for after in next.get(item).into_iter().flatten() {
            if let (Some(deepest), Some(left)) = (depths.get_mut(*after), waits.get_mut(*after)) {
                *deepest = (*deepest).max(depth);
                *left -= 1;
                ready.extend((*left == 0).then_some(*after));
            }
        }
    }
    depths
}
