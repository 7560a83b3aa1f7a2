//! What of the keys goes together, and what does not.

use pathway_engine::reference::Document;

use crate::corpus::{data, validator};

/// Steps, and whether one may be written so.
const STEPS: &[(&str, bool)] = &[
    ("{ set: 1 }", true),
    ("{ set: 1, when: input }", true),
    ("{}", false),
    ("{ when: input }", false),
    ("{ set: 1, emit: 2 }", false),
    ("{ fail: { message: no }, return: 1 }", false),
    ("{ steps: {}, return: 1 }", true),
    ("{ steps: {}, return: 1, each: input }", true),
    ("{ steps: {}, set: 1 }", false),
    ("{ return: 1, when: input, needs: [a] }", true),
    ("{ return: 1, each: input }", false),
    ("{ fail: { message: no }, retry: { attempts: 2 } }", false),
    ("{ set: 1, each: input, as: row, where: row, max_parallel: 2, keep_going: true }", true),
    ("{ set: 1, as: row }", false),
    ("{ set: 1, keep_going: true }", false),
    ("{ set: 1, while: last, limit: 3 }", true),
    ("{ set: 1, while: last }", false),
    ("{ set: 1, limit: 3 }", false),
    ("{ set: 1, on_error: continue }", true),
    ("{ set: 1, on_error: { return: 1 } }", true),
    ("{ set: 1, on_error: stop }", false),
    ("{ set: 1, compensate: { emit: 1 } }", true),
    ("{ set: 1, compensate: { steps: {}, return: 1 } }", true),
    ("{ set: 1, compensate: { return: 1 } }", false),
    ("{ set: 1, compensate: { fail: { message: no } } }", false),
    ("{ set: 1, compensate: { emit: 1, needs: [a] } }", false),
    ("{ http: { service: a, get: /x, query: \"{{ input }}\", headers: { a: 1 } } }", true),
    ("{ http: { service: a } }", true),
    ("{ http: { get: /x } }", false),
    ("{ http: { service: a, get: /x, post: /x } }", false),
    ("{ http: { service: a, post: /x, json: {}, body: x } }", false),
    ("{ http: { service: a, get: /x, parse: xml } }", false),
    ("{ http: { service: a, get: /x, accept: [404, 99] } }", false),
    ("{ wait: { for: \"{{ input.time }}\" } }", true),
    ("{ wait: { signal: go, from: ann, timeout: 1h } }", true),
    ("{ wait: { for: 1s, until: x } }", false),
    ("{ wait: { for: 1s, timeout: 1s } }", false),
    ("{ wait: {} }", false),
    ("{ switch: { of: input, cases: { a: { return: 1 } }, default: {} } }", true),
    ("{ switch: { of: input, cases: { a: { retrun: 1 } } } }", false),
    ("{ set: 1, timeout: 5 }", false),
    ("{ set: 1, secret: \"yes\" }", false),
    ("{ set: 1, retry: { attempts: 0 } }", false),
];

/// Whole files.
const FILES: &[(Document, &str, bool)] = &[
    (Document::Pathway, "{ pathway: a, return: 1 }", true),
    (Document::Pathway, "{ pathway: a }", false),
    (Document::Pathway, "{ pathway: A b, return: 1 }", false),
    (Document::Pathway, "{ pathway: a, steps: { on_error: { set: 1 } } }", false),
    (Document::Pathway, "{ pathway: a, steps: { Big: { set: 1 } } }", false),
    (Document::Pathway, "{ pathway: a, return: 1, max_runs: '${N}' }", false),
    (Document::Pathway, "{ pathway: a, return: 1, max_runs: { slots: 2, per: auth.sub or none } }", true),
    (Document::Pathway, "{ pathway: a, return: 1, max_runs: { slots: 2 } }", false),
    (Document::Pathway, "{ pathway: a, return: 1, max_runs: { slots: 0, per: auth.sub or none } }", false),
    (Document::Pathway, "{ pathway: a, return: 1, input: { type: object, propertees: {} } }", false),
    (Document::Pathway, "{ pathway: a, return: 1, input: { type: object, x-note: {} } }", true),
    (Document::Pathway, "{ pathway: a, return: 1, on: { http: { mode: wait } } }", false),
    (Document::Project, "{ max_runs: '${N:-64}', log: { format: '${F}' }, bus: }", true),
    (Document::Project, "{ max_runs: many }", false),
    (Document::Project, "{ log: { format: xml } }", false),
    (Document::Project, "{ store: { path: ./data, postgres: 'postgres://x' } }", false),
    (Document::Project, "{ bus: { kafka: { linger_ms: 5 } } }", true),
    (Document::Test, "{ test: a, cases: { b: { expect: { return: { $any: true } } } } }", true),
    (Document::Test, "{ test: a, cases: { b: { expect: { return: { $anny: true } } } } }", false),
    (Document::Test, "{ test: a, cases: { b: { expect: { return: 1, error: bug } } } }", false),
];

#[test]
fn keys_go_together_as_the_language_says() {
    let pathway = validator(Document::Pathway);
    let mut wrong = Vec::new();
    for (step, good) in STEPS {
        let text = format!("{{ pathway: a, steps: {{ b: {step} }} }}");
        if pathway.is_valid(&data(&text).unwrap()) != *good {
            wrong.push(format!("{step}: {}", if *good { "refused" } else { "admitted" }));
        }
    }
    for (document, text, good) in FILES {
        if validator(*document).is_valid(&data(text).unwrap()) != *good {
            wrong.push(format!("{text}: {}", if *good { "refused" } else { "admitted" }));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
