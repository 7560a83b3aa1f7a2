//! What a case says, laid over what its file says for all cases.

use crate::source::{Entry, Kind, Node};

/// What stands for a key that a case takes out.
const ABSENT: &str = "$absent";

/// `over` laid over `base`: maps in depth; all else is replaced, also by null. A key whose value is
/// `{ $absent: true }` is taken out.
pub(super) fn deep(base: Option<&Node>, over: Option<&Node>) -> Option<Node> {
    let (base, over) = match (base, over) {
        (Some(base), Some(over)) => (base, over),
        (one, other) => return one.or(other).cloned(),
    };
    let (Kind::Map(below), Kind::Map(above)) = (&base.kind, &over.kind) else { return Some(over.clone()) };
    let find = |entry: &Entry| above.iter().find(|other| other.key.value == entry.key.value);
    let kept = below.iter().filter(|entry| find(entry).is_none_or(|other| !is_absent(&other.value)));
    let kept = kept.map(|entry| match find(entry) {
        Some(other) => Entry {
            key: other.key.clone(),
            value: deep(Some(&entry.value), Some(&other.value)).unwrap_or_else(|| other.value.clone()),
        },
        None => entry.clone(),
    });
    let is_new = |entry: &&Entry| {
        !is_absent(&entry.value) && !below.iter().any(|other| other.key.value == entry.key.value)
    };
    let entries = kept.chain(above.iter().filter(is_new).cloned()).collect();
    Some(Node { span: over.span, kind: Kind::Map(entries) })
}

fn is_absent(node: &Node) -> bool {
    matches!(node.as_map(), Some([only]) if only.key.value == ABSENT && only.value.kind == Kind::Bool(true))
}
