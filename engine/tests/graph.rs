//! Drawings of plans: golden texts, that Graphviz, where it is installed, can read them, and that in
//! pictures nothing lies upon anything else.

mod support;

#[path = "graph/picture.rs"]
mod picture;

use std::io::Write;
use std::process::{Command, Stdio};

use pathway_engine::graph::{Standing, Standings, dot, mermaid, svg};
use picture::Picture;
use proptest::prelude::*;
use support::plan;

const PROJECT: &str = r#"
services: { shop: { url: "http://shop.example" } }
topics: { alerts: alerts }
"#;

/// Guards, data, `needs`, a block, a fan, a retry.
const ORDER: &str = r#"
pathway: order
summary: Books an order, "quoted" & <marked>.
steps:
  stock: { http: { service: shop, get: /stock } }
  price: { http: { service: shop, get: /price }, retry: { attempts: 4 } }
  gone:
    when: not steps.stock.body
    return: { ok: false }
  book:
    when: input.book
    steps:
      lines:
        each: input.lines
        max_parallel: 3
        http: { service: shop, post: /lines, json: "{{ item }}" }
      total: { set: { sum: "{{ steps.lines | length }}", price: "{{ steps.price.body }}" } }
    return: "{{ steps.total.sum }}"
  log:
    needs: book
    on_error: continue
    http: { service: shop, post: /log }
  tell: { publish: { topic: alerts, value: "{{ steps.log.status or 0 }}" } }
  bad: { when: input.bad, fail: { message: bad } }
return: { booked: "{{ steps.book or 0 }}" }
"#;

/// Choices, handlers, loops, and texts that mean something to whoever draws.
const SWITCH: &str = r#"
pathway: switch
steps:
  choose:
    switch:
      of: input.kind
      cases:
        "a, \"b\"": { steps: { one: { set: { x: 1 } } }, return: 1 }
        "]-->|#end; <b>": { steps: { one: { set: { x: 2 } } }, return: 2 }
      default: { steps: { two: { call: { pathway: switch } } } }
  poll:
    while: last.status != 200
    limit: 5
    http: { service: shop, get: /poll }
    on_error:
      steps: { note: { emit: "{{ error.message }}" } }
on_error:
  steps: { sorry: { set: { x: "{{ error.message }}" } } }
  return: "{{ steps.sorry }}"
"#;

const EMPTY: &str = "pathway: empty\nreturn: 1\n";

#[test]
fn golden() {
    for (name, pathway) in [("order", ORDER), ("switch", SWITCH), ("empty", EMPTY)] {
        let plan = plan(PROJECT, pathway);
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "graph" }, {
            insta::assert_snapshot!(format!("{name}.mermaid"), mermaid(&plan));
            insta::assert_snapshot!(format!("{name}.dot"), dot(&plan));
            insta::assert_snapshot!(format!("{name}.svg"), svg(&plan, None));
        });
    }
}

#[test]
fn a_guard_is_drawn_after_the_last_of_its_stretch_only() {
    let plan = plan(
        "",
        "pathway: p\nsteps:\n  a: { set: { x: 1 } }\n  b: { set: { x: '{{ steps.a.x }}' } }\n  stop: { when: input.s, return: 1 }\n  c: { set: { x: 1 } }\n  d: { set: { x: '{{ steps.c.x }}' } }\n",
    );
    let text = dot(&plan);
    let edges: Vec<&str> = text.lines().map(str::trim).filter(|line| line.contains("->")).collect();
    let expected = [
        r#""a" -> "b""#,
        r#""b" -> "stop" [style=dotted]"#,
        r#""stop" -> "c" [style=dotted]"#,
        r#""c" -> "d""#,
    ];
    assert_eq!(edges, expected);
}

#[test]
fn graphviz_reads_it() {
    let Ok(version) = Command::new("dot").arg("-V").output() else {
        eprintln!("skipped: `dot` is not installed");
        return;
    };
    assert!(version.status.success());
    for pathway in [ORDER, SWITCH, EMPTY] {
        let mut child = Command::new("dot")
            .arg("-Tplain")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(dot(&plan(PROJECT, pathway)).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stderr, b"");
    }
}

#[test]
fn a_picture_shows_how_a_run_stands() {
    let executions = [
        ("stock", Standing::Finished),
        ("gone", Standing::Skipped),
        ("book", Standing::Running),
        ("book.lines", Standing::Running),
        ("book.lines[0]", Standing::Finished),
        ("book.lines[1]", Standing::Failed),
    ];
    let plan = plan(PROJECT, ORDER);
    let picture = Picture::of(&svg(&plan, Some(&Standings::of(executions))));
    for (step, shown) in [
        ("stock", "stock: finished"),
        ("gone", "gone: skipped"),
        ("book", "book: running"),
        ("book.lines", "book.lines: failed, 3 executions"),
        ("book.total", "book.total"),
        ("bad", "bad"),
    ] {
        let found: Vec<_> = picture.boxes.iter().filter(|it| it.step() == step).collect();
        let [found] = found[..] else { panic!("{step}: {found:?}") };
        assert_eq!(found.title, shown);
        let standing = shown.split_once(": ").map_or("", |(_, standing)| standing.split(',').next().unwrap());
        assert_eq!(found.class.strip_prefix("box").unwrap().trim(), standing);
    }
    assert!(Picture::of(&svg(&plan, None)).boxes.iter().all(|it| it.class == "box"));
}

/// Pathways of steps that need some of those before them, with blocks in which it is the same.
fn pathway() -> impl Strategy<Value = String> {
    let step = (any::<u16>(), any::<bool>(), 0..4_usize);
    prop::collection::vec(step, 1..25).prop_map(|steps| {
        let mut text = "pathway: p\nsteps:\n".to_owned();
        for (n, (needs, is_block, inner)) in steps.iter().enumerate() {
            let needed: Vec<String> = (0..n)
                .filter(|m| needs >> (m % 16) & 1 == 1 && m % 3 != 1)
                .map(|m| format!("s{m}"))
                .collect();
            text += &format!("  s{n}:\n    needs: [{}]\n", needed.join(", "));
            if *is_block && *inner > 0 {
                text += "    steps:\n";
                (0..*inner).for_each(|m| text += &format!("      in{m}: {{ set: {{ x: {m} }} }}\n"));
            } else {
                text += &format!("    set: {{ a_rather_long_name: {n} }}\n");
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_a_picture_nothing_lies_upon_anything_else(text in pathway()) {
        let picture = Picture::of(&svg(&plan("", &text), None));
        prop_assert!(!picture.boxes.is_empty());
        picture.is_tidy().map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_picture_of_many_steps_is_drawn() {
    let mut text = "pathway: p\nsteps:\n  s0: { set: { x: 1 } }\n".to_owned();
    for n in 1..3_000 {
        text += &format!("  s{n}: {{ needs: [s{}, s0], set: {{ x: 1 }} }}\n", n - 1);
    }
    let picture = Picture::of(&svg(&plan("", &text), None));
    assert_eq!(picture.boxes.len(), 3_000);
}
