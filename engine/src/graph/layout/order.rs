//! The order within layers: each cell goes to where its neighbours in the next layer are on average,
//! downwards and upwards in turn, and the order with the fewest crossings is kept.

use super::layers::{Cell, Layers};

/// How often all layers are put in order. More rarely pays.
const SWEEPS: usize = 8;

/// Changes the order within layers so that fewer edges cross.
pub(super) fn improve(layers: &mut Layers) {
    let mut best = layers.rows.clone();
    let mut fewest = crossings(layers);
    for sweep in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        let is_down = sweep % 2 == 0;
        let mut places = places(layers);
        let cells = &layers.cells;
        let mut sorted = |row: &mut Vec<usize>| {
            let mean = |cell: &usize| {
                let around = cells.get(*cell).map(|it| if is_down { &it.above } else { &it.below });
                average(around.into_iter().flatten().map(|other| places.get(*other).copied().unwrap_or(0.0)))
                    .unwrap_or_else(|| places.get(*cell).copied().unwrap_or(0.0))
            };
            let mut keyed: Vec<(f64, usize)> = row.iter().map(|cell| (mean(cell), *cell)).collect();
            keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            *row = keyed.into_iter().map(|(_, cell)| cell).collect();
            for (place, cell) in (0_u32..).zip(row.iter()) {
                places.get_mut(*cell).into_iter().for_each(|it| *it = f64::from(place));
            }
        };
        if is_down {
            layers.rows.iter_mut().for_each(&mut sorted);
        } else {
            layers.rows.iter_mut().rev().for_each(&mut sorted);
        }
        let found = crossings(layers);
        if found < fewest {
            fewest = found;
            best.clone_from(&layers.rows);
        }
    }
    layers.rows = best;
}

/// By cell: its place in its layer.
fn places(layers: &Layers) -> Vec<f64> {
    let mut places = vec![0.0; layers.cells.len()];
    for row in &layers.rows {
        for (place, cell) in (0_u32..).zip(row) {
            places.get_mut(*cell).into_iter().for_each(|it| *it = f64::from(place));
        }
    }
    places
}

/// The mean, of something.
pub(super) fn average(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// How many pairs of edges cross.
fn crossings(layers: &Layers) -> usize {
    let places = places(layers);
    let ends = |cell: &Cell| {
        let mut ends: Vec<f64> = cell.below.iter().filter_map(|other| places.get(*other).copied()).collect();
        ends.sort_by(f64::total_cmp);
        ends
    };
    let of_row = |row: &Vec<usize>| {
        let below: Vec<f64> = row.iter().filter_map(|cell| layers.cells.get(*cell)).flat_map(ends).collect();
        inversions(below).1
    };
    layers.rows.iter().map(of_row).sum()
}

/// The values sorted, and how many pairs of them were in the wrong order.
fn inversions(mut values: Vec<f64>) -> (Vec<f64>, usize) {
    if values.len() < 2 {
        return (values, 0);
    }
    let right = values.split_off(values.len() / 2);
    let ((left, in_left), (right, in_right)) = (inversions(values), inversions(right));
    let mut count = in_left + in_right;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    loop {
        // All that are left of it and still to come are greater than what is taken from the right.
        if let Some(value) = right.next_if(|value| left.peek().is_none_or(|other| value < other)) {
            count += left.len();
            merged.push(value);
        } else if let Some(value) = left.next() {
            merged.push(value);
        } else {
            return (merged, count);
        }
    }
}
