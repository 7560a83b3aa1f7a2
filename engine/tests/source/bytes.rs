//! Files as they are read from a disk.

use pathway_engine::diagnostic::{Diagnostic, Diagnostics};
use pathway_engine::source::Sources;

fn problem(bytes: &[u8]) -> (Sources, Diagnostic) {
    let (mut sources, mut diagnostics) = (Sources::new(), Diagnostics::new());
    assert_eq!(sources.add_bytes("a.yaml", bytes.to_vec(), &mut diagnostics), None);
    let list = diagnostics.sorted();
    assert_eq!(list.len(), 1);
    (sources, list[0].clone())
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let (mut sources, mut diagnostics) = (Sources::new(), Diagnostics::new());
    let file = sources.add_bytes("a.yaml", b"\xef\xbb\xbfa: 1".to_vec(), &mut diagnostics).unwrap();
    assert!(diagnostics.is_empty());
    assert_eq!(sources.text(file), "a: 1");
}

#[test]
fn the_first_bad_byte_is_pointed_at() {
    let (sources, problem) = problem(b"a: 1\nb: \xc3(\n\xff");
    let place = sources.locate(problem.labels[0].span);
    assert_eq!((place.line, place.column, place.end_column), (2, 4, 5));
    assert_eq!(problem.code.0, "PW0119");
    assert_eq!(problem.labels[0].text, "the byte 0xC3 cannot stand here");
}

#[test]
fn utf_16_is_recognised() {
    let (_, problem) = problem(b"\xff\xfea\0");
    assert!(problem.help.unwrap().contains("UTF-16"));
}
