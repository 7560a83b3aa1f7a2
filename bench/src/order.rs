//! Inputs that differ from run to run, and what `pathways/three.pathway.yaml` makes of them.

use serde_json::{Value, json};

/// The input of run `n`, as JSON of at least 200 bytes.
pub(crate) fn input(n: u64) -> String {
    let (amount, fee, limit, category) = parts(n);
    json!({
        "id": format!("order-{n:012}"),
        "user_id": user(n),
        "amount": amount,
        "fee": fee,
        "limit": limit,
        "currency": "INR",
        "category": category,
        "merchant": shop(n),
        "note": "weekly shopping, and a few small things for the house",
        "date": format!("2024-05-{:02}T12:{:02}:00Z", n % 28 + 1, n % 60),
    })
    .to_string()
}

/// Where it was: one of about a thousand places, by which records are kept in order.
pub(crate) fn shop(n: u64) -> String {
    format!("Corner shop {}", n % 977)
}

/// The run whose input has this id.
pub(crate) fn number(id: &str) -> Option<u64> {
    id.strip_prefix("order-")?.parse().ok()
}

/// The outputs of the three steps; the last is what the run returns.
pub(crate) fn outputs(n: u64) -> [Value; 3] {
    let (amount, fee, limit, category) = parts(n);
    let cents = amount * 100 + fee;
    let left = limit - cents;
    let spent = format!("{} spent {amount} INR on {category}", user(n));
    let budget = format!("{spent}, {cents} with the fee");
    let alert = format!("{budget}: {left} left");
    [
        json!({"cents": cents, "line": spent}),
        json!({"left": left, "line": budget}),
        json!({"over": left < 0, "line": alert}),
    ]
}

fn parts(n: u64) -> (i64, i64, i64, &'static str) {
    let n = i64::try_from(n % 1_000_000_007).unwrap_or(0);
    let category = match n % 4 {
        0 => "groceries",
        1 => "travel",
        2 => "rent",
        _ => "entertainment",
    };
    (n * 7919 % 9973 + 1, n % 97, 500_000, category)
}

fn user(n: u64) -> String {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:08x}-0000-7000-8000-{:012x}", n >> 32, n & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn inputs_are_long_and_differ() {
        let inputs: HashSet<_> = (0..10_000).map(input).collect();
        assert_eq!(inputs.len(), 10_000);
        assert!(inputs.iter().all(|input| input.len() >= 200));
    }
}
