//! Marks: the id of an event is the next offset of every partition of its topic, as in
//! `0:15,1:7`. A reader that comes back says the last one that it saw.

use std::fmt::Write as _;

use crate::bus::Positions;

/// Positions as the id of an event.
pub(super) fn write(positions: &Positions) -> String {
    let mut text = String::new();
    for (n, (partition, offset)) in positions.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        // Writing to a string does not fail.
        let _ok = write!(text, "{comma}{partition}:{offset}");
    }
    text
}

/// The positions that a reader says it saw; none where it is not an id that we would write.
pub(super) fn read(text: &str) -> Option<Positions> {
    let text = text.trim();
    let mut positions = Positions::new();
    for part in text.split(',') {
        let (partition, offset) = part.split_once(':')?;
        let (partition, offset): (i32, i64) = (partition.parse().ok()?, offset.parse().ok()?);
        if partition < 0 || offset < 0 {
            return None;
        }
        positions.insert(partition, offset);
    }
    // No signs, no zeros before, no partition twice.
    (write(&positions) == text).then_some(positions)
}

/// Whether who stands at `positions` is past all before `mark`.
pub(super) fn reaches(positions: &Positions, mark: &Positions) -> bool {
    mark.iter().all(|(partition, offset)| positions.get(partition).is_some_and(|it| it >= offset))
}

/// Moves each partition on to where it is in `other`, if that is further.
pub(super) fn advance(positions: &mut Positions, other: &Positions) {
    for (partition, offset) in other {
        let mine = positions.entry(*partition).or_insert(*offset);
        *mine = (*mine).max(*offset);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_nothing_but_what_it_writes() {
        assert_eq!(read("0:15,1:7"), Some(Positions::from([(0, 15), (1, 7)])));
        assert_eq!(read(" 3:9223372036854775807 "), Some(Positions::from([(3, i64::MAX)])));
        for bad in [
            "",
            ",",
            "0",
            "0:",
            ":1",
            "0:1,",
            "1:7,0:15",
            "0:1,0:2",
            "0:01",
            "+0:1",
            "0:-1",
            "-1:1",
            "0:1 ,1:1",
            "0:9223372036854775808",
            "2147483648:0",
            "0.1",
            "0:1:2",
            "\u{661}:1",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(positions in prop::collection::btree_map(0.., 0i64.., 1..20)) {
            prop_assert_eq!(read(&write(&positions)), Some(positions));
        }

        #[test]
        fn survives_anything(text in ".{0,60}|[0-9:,]{0,60}") {
            if let Some(positions) = read(&text) {
                prop_assert_eq!(write(&positions), text.trim());
            }
        }
    }
}
