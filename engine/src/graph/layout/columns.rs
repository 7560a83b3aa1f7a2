//! Columns: each cell comes to stand as near as it can to the middle of its neighbours, without
//! changing the order of its layer or overlapping.
//!
//! For one layer that is a least squares problem with distances to be kept. With the distances taken
//! off it asks for the nearest sequence that does not fall, which pooling what violates that finds
//! exactly (Ayer and others, *An Empirical Distribution Function for Sampling with Incomplete
//! Information*, 1955).

use super::layers::Layers;
use super::order::average;

/// How often all layers are aligned, downwards and upwards in turn.
const SWEEPS: usize = 10;

/// Finds the middle of every cell; tells the width of all.
pub(super) fn align(layers: &mut Layers) -> f64 {
    for row in 0..layers.rows.len() {
        settle(layers, row, |_, _| 0.0);
    }
    let rows = layers.rows.len();
    for sweep in 0..SWEEPS {
        let is_down = sweep % 2 == 0;
        for n in 0..rows {
            let row = if is_down { n } else { rows - 1 - n };
            settle(layers, row, |layers, cell| {
                let Some(own) = layers.cells.get(cell) else { return 0.0 };
                let around = if is_down { &own.above } else { &own.below };
                let centers = around.iter().filter_map(|other| layers.cells.get(*other)).map(|it| it.center);
                average(centers).unwrap_or(own.center)
            });
        }
    }
    let left = layers.cells.iter().map(|cell| cell.center - cell.width / 2.0).fold(f64::INFINITY, f64::min);
    let right =
        layers.cells.iter().map(|cell| cell.center + cell.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
    for cell in &mut layers.cells {
        cell.center -= left;
    }
    if right > left { right - left } else { 0.0 }
}

/// Cells that stand as close as they may.
struct Pool {
    sum: f64,
    count: f64,
    cells: usize,
}

impl Pool {
    fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

/// Puts the cells of a layer as near as can be to where they are wanted.
fn settle(layers: &mut Layers, row: usize, wanted: impl Fn(&Layers, usize) -> f64) {
    let Some(row) = layers.rows.get(row).cloned() else { return };
    let mut offsets = Vec::with_capacity(row.len());
    let mut offset = 0.0;
    let mut pools: Vec<Pool> = Vec::new();
    let mut before = None;
    for &cell in &row {
        let Some(own) = layers.cells.get(cell) else { continue };
        offset += before.and_then(|it: usize| layers.cells.get(it)).map_or(0.0, |it| it.distance(own));
        before = Some(cell);
        offsets.push(offset);
        let mut pool = Pool { sum: wanted(layers, cell) - offset, count: 1.0, cells: 1 };
        while let Some(left) = pools.pop_if(|left| left.mean() >= pool.mean()) {
            pool = Pool {
                sum: left.sum + pool.sum,
                count: left.count + pool.count,
                cells: left.cells + pool.cells,
            };
        }
        pools.push(pool);
    }
    let means = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean(), pool.cells));
    for ((cell, offset), mean) in row.iter().zip(offsets).zip(means) {
        layers.cells.get_mut(*cell).into_iter().for_each(|cell| cell.center = mean + offset);
    }
}
