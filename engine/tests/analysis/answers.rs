//! What is proposed, told, found and renamed.

use pathway_engine::analysis::{Target, complete, definition, hover, rename};
use pathway_engine::reference::Document;

use crate::project::{Cursor, known};

const PROJECT: &str = "\
pathway: order
input: { type: object, required: [item, lines], properties: { item: { type: string }, lines: { type: array, items: { type: object, properties: { price: { type: number } } } } } }
vars: { mine: \"{{ input.item }}\" }
steps:
  stock: { http: { service: api, get: /stock, query: { item: \"{{ input.item }}\" } } }
  rows: { each: input.lines, as: row, set: { price: \"{{ row.price }}\", twice: \"{{ price * 2 }}\" } }
  sold_out:
    when: steps.stock.body.left < 1
    fail: { message: \"only {{ steps.stock.body.left }} left\" }
  note: { needs: [stock], publish: { topic: orders, value: \"{{ steps.stock.body }}\" } }
  inside:
    steps:
      stock_of_all: { set: \"{{ steps.stock.status }}\" }
      last: { set: \"{{ steps.stock_of_all }}\" }
    return: \"{{ steps.last }}\"
return: { left: \"{{ steps.stock.body.left }}\" }
#=== other.yaml
pathway: other
summary: Another one.
return: 1
#=== order.test.yaml
test: order
mocks: { stock: { body: { left: 1 } } }
cases:
  one: { expect: { skipped: [sold_out], calls: [stock, api GET /stock], steps: { stock: finished, inside.last: skipped } } }
";

fn order() -> String {
    PROJECT.split("#===").next().unwrap().to_owned()
}

/// What is proposed at `¦` in the pathway, where `from` is replaced by `to`.
fn proposed(from: &str, to: &str) -> Vec<String> {
    let text = order();
    assert!(text.contains(from), "{from}");
    let cursor = Cursor::new("main.yaml", Document::Pathway, &text.replacen(from, to, 1));
    complete(&known(PROJECT), cursor.place()).proposals.into_iter().map(|it| it.label).collect()
}

#[test]
fn proposals() {
    let of_step = proposed("  sold_out:\n", "  another:\n    ¦\n  sold_out:\n");
    assert!(["http", "set", "when", "retry"].iter().all(|key| of_step.contains(&(*key).to_owned())));
    assert!(!of_step.contains(&"service".to_owned()));
    // One verb is enough, and what is there is not proposed again.
    let left = proposed("    when: steps.stock.body.left < 1\n", "    when: x\n    ¦\n");
    assert!(left.contains(&"needs".to_owned()) && !left.contains(&"http".to_owned()), "{left:?}");
    assert!(!left.contains(&"when".to_owned()));
    let fields = proposed("get: /stock,", "¦");
    assert!(fields.contains(&"post".to_owned()) && !fields.contains(&"service".to_owned()), "{fields:?}");
    assert_eq!(proposed("service: api", "service: ¦"), ["api", "model"]);
    assert_eq!(proposed("topic: orders", "topic: ¦"), ["orders", "replies"]);
    let words = proposed("get: /stock,", "get: /stock, parse: ¦,");
    assert!(words.contains(&"sse".to_owned()), "{words:?}");
    assert_eq!(proposed("fail: { message", "call: { pathway: ¦ }\n    fail: { message"), ["order", "other"]);
    let steps = proposed("needs: [stock]", "needs: [s¦]");
    assert!(steps.contains(&"sold_out".to_owned()) && !steps.contains(&"note".to_owned()), "{steps:?}");
}

#[test]
fn proposals_in_expressions() {
    assert_eq!(proposed("when: steps.stock.body.left < 1", "when: input.¦"), ["item", "lines"]);
    let names = proposed("when: steps.stock.body.left < 1", "when: ¦");
    assert!(["input", "steps", "vars", "auth", "run"].iter().all(|it| names.contains(&(*it).to_owned())));
    let steps = proposed("when: steps.stock.body.left < 1", "when: not steps.¦ and input");
    assert!(steps.contains(&"stock".to_owned()) && !steps.contains(&"stock_of_all".to_owned()), "{steps:?}");
    let output = proposed("{{ steps.stock.body }}", "{{ steps.stock.¦ }}");
    assert_eq!(output, ["status", "headers", "body"]);
    let vars = proposed("{{ steps.stock.body }}", "{{ vars.¦ }}");
    assert!(vars.contains(&"mine".to_owned()) && vars.contains(&"currency".to_owned()), "{vars:?}");
    assert_eq!(proposed("{{ row.price }}", "{{ row.¦ }}"), ["price"]);
    let per = |text: &str| proposed("vars: { mine", &format!("max_runs: {text}\nvars: {{ mine"));
    assert_eq!(per("{ slots: 2, ¦ }"), ["per", "total"]);
    assert_eq!(per("{ slots: 2, per: ¦ }"), ["input", "auth"]);
    assert_eq!(per("{ slots: 2, per: input.¦ }"), ["item", "lines"]);
    let item = proposed("{{ price * 2 }}", "{{ ¦ }}");
    assert!(["row", "index", "price"].iter().all(|it| item.contains(&(*it).to_owned())), "{item:?}");
    let filters = proposed("{{ steps.stock.body }}", "{{ steps.stock.body | ¦ }}");
    assert!(filters.contains(&"date".to_owned()) && filters.contains(&"upper".to_owned()));
    let inner = proposed("{{ steps.stock_of_all }}", "{{ steps.¦ }}");
    assert!(inner.contains(&"stock".to_owned()) && inner.contains(&"stock_of_all".to_owned()), "{inner:?}");
    let returned = proposed("{{ steps.last }}", "{{ steps.¦ }}");
    assert!(returned.contains(&"last".to_owned()) && returned.contains(&"stock".to_owned()), "{returned:?}");
    let whole = proposed("{{ steps.stock.body.left }}\" }\n", "{{ steps.¦ }}\" }\n");
    assert!(!whole.is_empty());
    assert!(proposed("{{ steps.stock.body }}", "plain ¦").is_empty(), "outside of braces there is only text");
}

#[test]
fn a_text_that_is_no_yaml_is_completed_too() {
    let open = proposed("service: api, get: /stock, query: { item: \"{{ input.item }}\" } } }", "service: ¦");
    assert_eq!(open, ["api", "model"]);
    let unquoted = proposed("\"{{ steps.stock.body }}\"", "\"{{ steps.stock.¦");
    assert_eq!(unquoted, ["status", "headers", "body"]);
}

#[test]
fn explanations() {
    let told = |from: &str, to: &str| {
        let cursor = Cursor::new("main.yaml", Document::Pathway, &order().replacen(from, to, 1));
        hover(&known(PROJECT), cursor.place()).map(|hover| hover.text).unwrap_or_default()
    };
    assert!(told("    when:", "    wh¦en:").contains("skips the step where it is false"));
    assert!(told("{ http: {", "{ ht¦tp: {").contains("Output: `{status, headers, body}`"));
    assert!(told("service: api", "se¦rvice: api").contains("a service of the project"));
    assert!(told("service: api", "service: a¦pi").contains("http://127.0.0.1:9"));
    assert!(told("{{ input.item }}\" }\nsteps", "{{ input.it¦em }}\" }\nsteps").contains("text, number"));
    assert!(told("{{ steps.stock.body }}", "{{ steps.sto¦ck.body }}").contains("`{status, headers, body}`"));
    assert!(told("{{ steps.stock.body }}", "{{ steps.stock.body | su¦m }}").contains("sum"));
    assert!(told("  stock: {", "  st¦ock: {").contains("calls a service"));
    assert_eq!(told("pathway: order", "# no¦thing\npathway: order"), "");
}

#[test]
fn definitions() {
    let text = order();
    let found = |from: &str, to: &str| {
        let cursor = Cursor::new("main.yaml", Document::Pathway, &text.replacen(from, to, 1));
        definition(&known(PROJECT), cursor.place())
    };
    let there = |path: &str, text: &str, name: &str| {
        let start = text.find(name).unwrap();
        Some(Target::Place { path: path.to_owned(), range: start..start + name.len() })
    };
    assert_eq!(
        found("{{ steps.stock.body }}", "{{ steps.st¦ock.body }}"),
        there("main.yaml", &text, "stock")
    );
    assert_eq!(found("needs: [stock]", "needs: [sto¦ck]"), there("main.yaml", &text, "stock"));
    let alias = text.find("as: row").unwrap() + 4;
    assert_eq!(
        found("{{ row.price }}", "{{ r¦ow.price }}"),
        Some(Target::Place { path: "main.yaml".to_owned(), range: alias..alias + 3 })
    );
    let service = found("service: api", "service: a¦pi");
    assert!(matches!(&service, Some(Target::Place { path, .. }) if path == "pathway.yaml"), "{service:?}");
    assert_eq!(
        found("input: { type", "output: ../schemas/or¦der.json\ninput: { type"),
        Some(Target::File("../schemas/order.json".to_owned()))
    );
    let test = PROJECT.split("order.test.yaml\n").nth(1).unwrap();
    let cursor =
        Cursor::new("order.test.yaml", Document::Test, &test.replacen("[sold_out]", "[sold_¦out]", 1));
    assert_eq!(definition(&known(PROJECT), cursor.place()), there("main.yaml", &text, "sold_out"));
}

#[test]
fn another_name() {
    let text = order();
    let known = known(PROJECT);
    let renamed = |from: &str, to: &str, new: &str| {
        let cursor = Cursor::new("main.yaml", Document::Pathway, &text.replacen(from, to, 1));
        rename(&known, cursor.place(), new)
    };
    for (from, to) in [
        ("  stock: {", "  sto¦ck: {"),
        ("{{ steps.stock.body }}", "{{ steps.sto¦ck.body }}"),
        ("needs: [stock]", "needs: [sto¦ck]"),
    ] {
        let edits = renamed(from, to, "left").unwrap();
        let mut files = std::collections::BTreeMap::new();
        for edit in edits.iter().rev() {
            let file = known.files.iter().find(|file| file.path == edit.path).unwrap();
            let text = files.entry(edit.path.clone()).or_insert_with(|| file.text.to_string());
            text.replace_range(edit.start..edit.end, "left");
        }
        let pathway = text
            .replace("  stock: {", "  left: {")
            .replace("steps.stock.", "steps.left.")
            .replace("steps.stock ", "steps.left ")
            .replace("[stock]", "[left]");
        assert_eq!(files["main.yaml"], pathway);
        let test = PROJECT.split("order.test.yaml\n").nth(1).unwrap();
        let test = test
            .replace("mocks: { stock:", "mocks: { left:")
            .replace("[stock,", "[left,")
            .replace("steps: { stock:", "steps: { left:");
        assert_eq!(files["order.test.yaml"], test);
    }
    let inner = renamed("{{ steps.last }}", "{{ steps.la¦st }}", "final").unwrap();
    let files: Vec<&str> = inner.iter().map(|edit| edit.path.as_str()).collect();
    assert_eq!(files, ["main.yaml", "main.yaml", "order.test.yaml"]);
    assert!(renamed("  stock: {", "  st¦ock: {", "note").unwrap_err().contains("beside it"));
    assert!(renamed("  stock: {", "  st¦ock: {", "Two words").is_err());
    assert!(renamed("topic: orders", "topic: or¦ders", "x").is_err(), "only steps");
    assert!(renamed("  stock: {", "  st¦ock: {{", "x").is_err(), "not while the text cannot be read");
}
