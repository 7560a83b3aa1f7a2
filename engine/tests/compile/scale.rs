//! Large pathways: what is linear finishes here, what is not would take hours.

use std::fmt::Write as _;

use pathway_engine::vm::Class;

use super::support::{Run, compile_in, plan};

const COUNT: usize = 10_000;
const PROJECT: &str = "services: { api: { url: http://127.0.0.1:9, retry: { attempts: 1 } } }";

/// A pathway of `count` steps.
fn steps(count: usize, step: impl Fn(usize) -> String) -> String {
    let mut text = "pathway: large\nmax_parallel: 100\nsteps:\n".to_owned();
    for n in 0..count {
        writeln!(text, "  s{n}: {}", step(n)).unwrap();
    }
    text
}

fn before(n: usize) -> String {
    if n == 0 { "0".to_owned() } else { format!("steps.s{}", n - 1) }
}

#[test]
fn a_chain() {
    let text = steps(COUNT, |n| format!("{{ set: '{{{{ {} + 1 }}}}' }}", before(n)));
    let plan = plan("", &format!("{text}return: '{{{{ steps.s{} }}}}'\n", COUNT - 1));
    assert_eq!(plan.edges().count(), COUNT - 1);
    assert_eq!(Run::start(&plan, "{}").returned(), COUNT.to_string());
}

#[test]
fn many_at_once() {
    let text = steps(COUNT, |n| format!("{{ http: {{ service: api, get: /{n} }} }}"));
    let mut run = Run::start(&plan(PROJECT, &text), "{}");
    for n in 0..COUNT {
        assert_eq!(run.waiting().len(), 100.min(COUNT - n));
        run.answer(&format!("s{n}"), r#"{"body": 1}"#);
    }
    assert_eq!(run.returned(), "null");
}

#[test]
fn many_guards() {
    let text = steps(COUNT, |n| match n {
        0 => "{ set: { a: 1 } }".to_owned(),
        _ => format!("{{ when: input.a == {n} or not input.b{n}, return: {n} }}"),
    });
    let run = Run::start(&plan("", &text), r#"{"a": 9999}"#);
    assert_eq!(run.returned(), "1");
}

#[test]
fn one_step_that_reads_all() {
    let reads: Vec<_> = (0..COUNT).map(|n| format!("steps.s{n}")).collect();
    let text = steps(COUNT, |n| format!("{{ set: {n} }}"));
    let plan = plan("", &format!("{text}return: '{{{{ [{}] | sum }}}}'\n", reads.join(", ")));
    assert_eq!(Run::start(&plan, "{}").returned(), (COUNT * (COUNT - 1) / 2).to_string());
}

#[test]
fn many_items() {
    let plan = plan(
        PROJECT,
        "pathway: p\nmax_parallel: 10\nsteps:\n  a: { each: range(10000), steps: { b: { http: { service: api, get: '/{{ item }}' } } }, return: '{{ item }}', max_parallel: 10000 }\nreturn: '{{ steps.a | sum }}'\n",
    );
    let mut run = Run::start(&plan, "{}");
    for n in 0..COUNT {
        run.answer(&format!("a[{n}].b"), r#"{"body": 1}"#);
    }
    assert_eq!(run.returned(), (COUNT * (COUNT - 1) / 2).to_string());
}

#[test]
fn many_items_are_called_off() {
    let plan = plan(
        PROJECT,
        "pathway: p\nsteps:\n  a: { each: range(10000), steps: { b: { wait: { signal: go } } }, max_parallel: 10000 }\n",
    );
    let mut run = Run::start(&plan, "{}");
    assert_eq!(run.waiting().len(), COUNT);
    let reason = pathway_engine::vm::Failure::new(Class::Cancelled, "enough");
    run.tell(pathway_engine::journal::Kind::Cancelled { reason });
    assert!(run.vm.in_flight().is_empty());
}

#[test]
fn loops_of_loops_come_to_an_end() {
    let plan = plan(
        "",
        r"
pathway: p
steps:
  a: { while: true, limit: 1000000, steps: { b: { while: true, limit: 1000000, set: 1, on_error: continue } } }
on_error:
  steps:
    c: { while: true, limit: 1000000, steps: { d: { while: true, limit: 1000000, set: 1, on_error: continue } } }
",
    );
    assert_eq!(Run::start(&plan, "{}").failure().class, Class::Bug);
}

#[test]
fn values_that_nest_ever_deeper_are_refused() {
    let text = steps(COUNT, |n| format!("{{ set: {{ inner: '{{{{ {} }}}}' }} }}", before(n)));
    let failure = Run::start(&plan("", &text), "{}").failure();
    assert_eq!(failure.class, Class::Expression, "{failure:?}");
}

#[test]
fn values_that_loops_nest_ever_deeper_are_refused() {
    for step in [
        "set: { inner: '{{ last }}' }",
        "set: '{{ [last] }}'",
        "steps: { x: { each: '[1]', set: '{{ last }}' } }, return: '{{ steps.x }}'",
    ] {
        let plan = plan("", &format!("pathway: p\nsteps:\n  a: {{ while: true, limit: 10000, {step} }}\n"));
        let failure = Run::start(&plan, "{}").failure();
        assert_eq!(failure.class, Class::Expression, "{step}: {failure:?}");
    }
}

#[test]
fn values_that_double_are_refused() {
    let text = steps(100, |n| format!("{{ set: ['{{{{ {0} }}}}', '{{{{ {0} }}}}'] }}", before(n)));
    let failure = Run::start(&plan("", &text), "{}").failure();
    assert_eq!(failure.class, Class::Expression, "{failure:?}");
}

#[test]
fn blocks_in_blocks() {
    let nested = |depth: usize| {
        let mut text = "pathway: deep\n".to_owned();
        for n in 0..depth {
            writeln!(text, "{0}steps:\n{0} s{n}:", "  ".repeat(n)).unwrap();
        }
        writeln!(text, "{}set: 1", "  ".repeat(depth)).unwrap();
        text
    };
    assert_eq!(Run::start(&plan("", &nested(20)), "{}").returned(), "null");
    let compiled = compile_in("", &[&nested(5_000)]);
    assert!(compiled.diagnostics.has_errors());
}
