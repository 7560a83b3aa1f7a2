//! Runs the fixtures in `tests/expression`: a context, and in it expressions and what they yield.
//!
//! Values are compared as JSON text, so `1` is not `1.0` and the order of keys counts.
//! `!error TEXT` stands for an evaluation that fails with that message.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands"
)]

#[path = "expression/analysis.rs"]
mod analysis;
#[path = "expression/differential.rs"]
mod differential;
#[path = "expression/limits.rs"]
mod limits;
#[path = "expression/soundness.rs"]
mod soundness;
#[path = "expression/trees.rs"]
mod trees;

use std::path::Path;

use pathway_engine::Value;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Bound, Expression, Now, Read, Scope, Segment, Slot, Variable, Variables};
use pathway_engine::source::{FileId, Sources, Span, Text};
use pathway_engine::value::{from_serde, to_json};
use serde_yaml::Value as Yaml;

struct Context {
    values: Vec<(String, Value)>,
}

impl Context {
    fn new(yaml: &Yaml) -> Self {
        let pairs = yaml.as_mapping().into_iter().flatten();
        let values = pairs.map(|(key, value)| (key.as_str().unwrap().to_owned(), from_serde(&json(value))));
        Self { values: values.collect() }
    }

    fn from_value(map: &Value) -> Self {
        let names = map.try_iter().unwrap();
        let values = names.map(|name| (name.as_str().unwrap().to_owned(), map.get_item(&name).unwrap()));
        Self { values: values.collect() }
    }

    /// Binds names, and two segments of `steps`, as the compiler does.
    fn bind(&self, read: &Read) -> Option<Bound> {
        let Segment::Key(name) = &read.path[0] else { panic!("{read:?} begins with no name") };
        let found = self.values.iter().position(|(known, _)| known == name);
        Some(match (found, name.as_str(), read.path.get(1)) {
            (Some(n), "steps", Some(Segment::Key(step))) => {
                let known = self.values[n].1.get_attr(step).is_ok_and(|value| !value.is_undefined());
                let slot =
                    if known { Slot::Var(u32::try_from(self.step(n, step)).unwrap()) } else { Slot::Nothing };
                Bound { slot, consumed: 2 }
            }
            (Some(n), ..) => Bound { slot: Slot::Local(u32::try_from(n).unwrap()), consumed: 1 },
            (None, ..) => Bound { slot: Slot::Nothing, consumed: 1 },
        })
    }

    fn step(&self, n: usize, step: &str) -> usize {
        let mut names = self.values[n].1.try_iter().unwrap();
        names.position(|name| name.as_str() == Some(step)).unwrap()
    }
}

impl Scope for Context {
    fn get(&self, slot: Slot) -> Value {
        match slot {
            Slot::Local(n) => self.values[n as usize].1.clone(),
            Slot::Var(n) => {
                let steps = &self.values.iter().find(|(name, _)| name == "steps").unwrap().1;
                let name = steps.try_iter().unwrap().nth(n as usize).unwrap();
                steps.get_item(&name).unwrap()
            }
            _ => Value::from(()),
        }
    }

    fn now(&self) -> Now {
        "2024-05-20T12:00:00Z".parse().unwrap()
    }

    fn uuid(&self, n: u32) -> String {
        format!("uuid-{n}")
    }
}

fn json(yaml: &Yaml) -> serde_json::Value {
    serde_json::to_value(yaml).unwrap()
}

/// A value with its keys in their order, which equality of maps disregards.
fn written(json: &serde_json::Value) -> String {
    json.to_string()
}

fn text(value: &str) -> (Text, Sources) {
    let mut sources = Sources::new();
    let file: FileId = sources.add("fixture", value.to_owned());
    (Text::opaque(value, Span::new(file, 0, value.len())), sources)
}

fn variables() -> Variables {
    let mut variables = Variables::new();
    let mut set = |name: &str, value: &str, secret| {
        variables.set(name, Variable { value: value.to_owned(), secret });
    };
    set("NAME", "ada", false);
    set("BRACES", "{{ 1 + 1 }}", false);
    set("EMPTY", "", false);
    set("API_KEY", "s3cret", true);
    variables
}

/// What a case yields, as the fixture writes it.
fn outcome(kind: &str, source: &str, context: &Context) -> Result<serde_json::Value, String> {
    let (text, _) = text(source);
    let mut diagnostics = Diagnostics::new();
    let parsed = match kind {
        "value" => Expression::bare(&text, &variables(), &mut diagnostics),
        "condition" => Expression::condition(&text, &mut diagnostics),
        "optional" => Expression::optional(&text, &mut diagnostics),
        "template" | "render" => Expression::template(&text, &variables(), &mut diagnostics),
        other => panic!("no kind of case is called `{other}`"),
    };
    let Some(mut expression) = parsed else {
        let said: Vec<_> = diagnostics.iter().map(|d| format!("{}: {}", d.code.0, d.message)).collect();
        return Err(said.join("; "));
    };
    expression.bind(&mut |read| context.bind(read));
    let value = match kind {
        "condition" => expression.test(context).map(Value::from),
        "optional" => expression.eval_or_none(context),
        "render" => expression.render(context, Some(&|text| Ok(format!("<{text}>")))).map(Value::from),
        _ => expression.eval(context),
    };
    match value {
        Ok(value) => Ok(serde_json::from_str(&to_json(&value)).unwrap()),
        Err(error) => Err(error.message),
    }
}

#[test]
fn fixtures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expression");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let (mut count, mut wrong) = (0, Vec::new());
    for file in files {
        let groups: Vec<Yaml> = serde_yaml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for group in groups {
            let context = Context::new(&group["context"]);
            for (kind, cases) in group.as_mapping().unwrap() {
                let kind = kind.as_str().unwrap();
                if matches!(kind, "about" | "context") {
                    continue;
                }
                for (source, expected) in cases.as_mapping().unwrap() {
                    let source = source.as_str().unwrap();
                    let expected = match expected {
                        Yaml::Tagged(error) => Err(error.value.as_str().unwrap().to_owned()),
                        value => Ok(json(value)),
                    };
                    let found = outcome(kind, source, &context);
                    count += 1;
                    let same = match (&found, &expected) {
                        (Ok(a), Ok(b)) => written(a) == written(b),
                        (a, b) => a == b,
                    };
                    if !same {
                        let show = |outcome: &Result<serde_json::Value, String>| match outcome {
                            Ok(value) => value.to_string(),
                            Err(message) => format!("!error {message}"),
                        };
                        let name = file.file_name().unwrap().to_string_lossy();
                        wrong.push(format!(
                            "{name}: {kind} {source:?}\n  expected {}\n  found    {}",
                            show(&expected),
                            show(&found)
                        ));
                    }
                }
            }
        }
    }
    assert!(count > 100, "only {count} cases were found");
    assert!(wrong.is_empty(), "{}\n{} of {count} cases differ", wrong.join("\n"), wrong.len());
}
