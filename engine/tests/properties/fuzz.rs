//! Texts that were pathways before they were damaged: whatever comes out, nothing panics and
//! nothing hangs.

use pathway_engine::journal::{Kind, Signal};
use pathway_engine::vm::{Class, Effect, Failure};
use proptest::collection::vec;
use proptest::prelude::*;

use super::support::{Run, compile_in, json};

const PROJECT: &str = "
services:
  store: { url: http://127.0.0.1:9, retry: { attempts: 2, delay: 1s, jitter: 0.5 } }
  model: { url: http://127.0.0.1:9, http: { post: \"\", parse: sse, pick: chunk.text } }
topics: { purchases: purchases, alerts: alerts }
vars: { kinds: [rent, food, fun] }
";

const PATHWAYS: [&str; 3] = [
    r#"
pathway: purchase
summary: Warns when a budget is used up.
on:
  topic: purchases
  key: input.owner
  id: input.id
input:
  type: object
  required: [owner, amount]
  properties: { owner: { type: string }, id: { type: string }, amount: { type: number }, kind: { type: string, default: food } }
max_parallel: 3
timeout: 60s
vars: { mine: "eq.{{ input.owner }}" }
steps:
  plan: { http: { service: store, get: /plans, query: { owner: "{{ vars.mine }}", limit: 1 } } }
  no_plan:
    when: not steps.plan.body
    return: { ok: true, skipped: no_plan }
  spent: { http: { service: store, get: /sums, query: { owner: "{{ vars.mine }}", kind: "eq.{{ input.kind }}" } } }
  share:
    set:
      total: "{{ (steps.spent.body or []) | pluck('sum') | sum + input.amount }}"
      part: "{{ total / 100 }}"
  levels:
    each: "[0.8, 1.0]"
    as: level
    where: steps.share.part >= level
    keep_going: true
    steps:
      seen: { http: { service: store, get: "/alerts/{{ level }}", accept: [404] } }
      known: { when: steps.seen.status == 200, return: none }
      tell:
        retry: { attempts: 2, delay: 1s, on: [outage, 502] }
        publish: { topic: alerts, key: input.owner, value: { level: "{{ level }}", total: "{{ steps.share.total }}" } }
    return: "{{ steps.tell.id }}"
return: { ok: true, told: "{{ steps.levels }}" }
on_error:
  steps:
    log: { http: { service: store, post: /log, json: { what: "{{ error.message }}", step: "{{ error.step }}" } } }
"#,
    r#"
pathway: advice
on:
  topic: purchases
  correlation: id
  reply: { topic: alerts, emit: { text: "{{ emitted }}" }, done: { done: true }, error: { error: "{{ error.message }}" } }
  http: { post: /api/advice, mode: stream, auth: user, emit: { text: "{{ emitted }}" } }
steps:
  asked:
    retry: { attempts: 3, delay: 1s, jitter: 0, on: [invalid] }
    on_error: { return: { text: "sorry: {{ error.message }}" } }
    timeout: 20s
    steps:
      ask:
        http:
          service: model
          emit: true
          json:
            text: |
              Divide {{ input.amount | number(0) }} over {{ vars.kinds | join(', ') }}.
              {% if error %}Your last answer was wrong: {{ error.message }}{% endif %}
      found: { set: "{{ steps.ask.text | find_json }}" }
      nothing: { when: not steps.found, fail: { message: no answer, class: upstream } }
      checked: { validate: { value: steps.found, schema: { type: object, required: [food], properties: { food: { type: number } } } } }
    return: { text: "{{ steps.checked | to_json }}" }
  poll:
    while: last.body.state != 'ready'
    limit: 4
    http: { service: store, get: "/state/{{ last.body.state if last else 'first' }}" }
return: "{{ steps.asked }}"
"#,
    r#"
pathway: review
steps:
  kind:
    switch:
      of: input.kind
      cases:
        big, huge:
          steps:
            asked: { wait: { signal: approved, from: "{{ input.boss or 'nobody' }}", timeout: 1h } }
            pause: { needs: asked, wait: { for: 5s } }
          return: "{{ steps.asked }}"
        small: { return: true }
      default: { return: "{{ now() }} {{ uuid() }}" }
  child: { when: steps.kind, call: { pathway: purchase, input: { owner: a, amount: 1 } } }
  told: { needs: child, on_error: continue, emit: { kind: "{{ steps.kind }}" } }
return: { of: "{{ steps.child.ok or none }}" }
"#,
];

const WORDS: [&str; 40] = [
    "when",
    "each",
    "while",
    "limit",
    "retry",
    "on_error",
    "steps",
    "return",
    "set",
    "http",
    "fail",
    "wait",
    "needs",
    "true",
    "null",
    "0",
    "-1",
    "1e400",
    "{{ x }}",
    "{{ steps.plan }}",
    "{% for x in input %}",
    "{% endfor %}",
    "${X:-y}",
    "${",
    "}}",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "#",
    "&a",
    "*a",
    "!!map",
    "|",
    ">",
    "'",
    "\"",
    "\t",
];

#[derive(Debug, Clone)]
struct Damage {
    kind: u8,
    at: usize,
    with: usize,
}

fn damage() -> impl Strategy<Value = Damage> {
    (0..9_u8, any::<usize>(), any::<usize>()).prop_map(|(kind, at, with)| Damage { kind, at, with })
}

fn damaged(text: &str, damage: &Damage) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let (at, other) = (damage.at % lines.len(), damage.with % lines.len());
    let word = WORDS[damage.with % WORDS.len()];
    match damage.kind {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines[at].clone()),
        2 => lines.swap(at, other),
        3 => lines[at] = format!("{}{}", " ".repeat(damage.with % 9), lines[at].trim_start()),
        4 => {
            let mut words: Vec<_> = lines[at].split(' ').collect();
            let n = damage.with % words.len();
            words[n] = word;
            lines[at] = words.join(" ");
        }
        5 => {
            let n = lines[at].char_indices().map(|(n, _)| n).nth(damage.with % 60).unwrap_or(0);
            lines[at].insert_str(n, word);
        }
        6 => {
            let n = damage.with % (lines[at].chars().count() + 1);
            lines[at] = lines[at].chars().take(n).collect();
        }
        7 => lines[at] = lines[at].replace(|c: char| c.is_ascii_digit(), "999999"),
        _ => {
            // A word of one line where another word was.
            let from = lines[other].split_whitespace().nth(damage.at % 3).unwrap_or("x").to_owned();
            let to = lines[at].split_whitespace().nth(damage.with % 3).unwrap_or("x").to_owned();
            lines[at] = lines[at].replacen(&to, &from, 1);
        }
    }
    lines.join("\n") + "\n"
}

/// Lets a run go on for a while, whatever it asks for, and calls it off.
fn play(run: &mut Run, seed: usize) {
    for n in 0..40 {
        let in_flight = run.vm.in_flight();
        let Some(unfinished) = in_flight.get((seed + n) % in_flight.len().max(1)) else { break };
        match &unfinished.effect {
            Effect::Timer { .. } => drop(run.fire()),
            Effect::Await { name, from, .. } => {
                let (name, from, key) = (name.clone(), from.clone(), Some(n.to_string()));
                let signal = Signal { name, payload: json("{}"), from, key };
                run.tell(Kind::Signalled(signal));
            }
            effect => {
                let instance = effect.instance().unwrap().clone();
                match (seed + n) % 5 {
                    0 => run.fail(&instance, Failure::new(Class::Outage, "down")),
                    1 => run.answer(&instance, r#"{"status": 404, "headers": {}, "body": null, "text": "{}", "chunks": []}"#),
                    _ => run.answer(
                        &instance,
                        r#"{"status": 200, "headers": {}, "body": [{"sum": 90, "state": "ready"}], "text": "{\"food\": 1}", "chunks": [1], "id": "m", "ok": true, "granted": true}"#,
                    ),
                }
            }
        }
    }
    for _ in 0..2 {
        run.tell(Kind::Cancelled { reason: Failure::new(Class::Cancelled, "enough") });
    }
    assert!(run.vm.outcome().is_some() && run.vm.in_flight().is_empty());
}

#[test]
fn undamaged_they_run() {
    let compiled = compile_in(PROJECT, &PATHWAYS);
    assert!(compiled.diagnostics.is_empty(), "{}", compiled.report());
    for plan in compiled.program.pathways.values() {
        for seed in 0..5 {
            play(&mut Run::start(plan, r#"{"owner": "a", "amount": 5, "kind": "big"}"#), seed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_they_do_no_harm(which in 0..PATHWAYS.len(), damages in vec(damage(), 1..6), seed in any::<u16>()) {
        let text = damages.iter().fold(PATHWAYS[which].to_owned(), |text, damage| damaged(&text, damage));
        let compiled = compile_in(PROJECT, &[&text]);
        let report = compiled.report();
        prop_assert_eq!(report.is_empty(), compiled.diagnostics.is_empty());
        for plan in compiled.program.pathways.values() {
            let input = r#"{"owner": "a", "amount": 5, "kind": "big", "id": "7"}"#;
            play(&mut Run::start(plan, input), usize::from(seed));
        }
    }
}
