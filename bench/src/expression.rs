//! `expression`: single evaluations, ours beside minijinja's own evaluator.

use minijinja::{Environment, UndefinedBehavior};
use pathway_engine::Value;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Bound, Expression, Now, Scope, Slot, Variables};
use pathway_engine::source::{Kind, Text};
use pathway_engine::value::to_json;

use crate::clock::{Case, Spent, rounds};
use crate::report::Report;
use crate::{Check, Options, Outcome, pathway};

/// What the expressions read.
const CONTEXT: &str = r#"{
    "a": { "b": 41, "name": "Ada", "list": [{ "id": "x1", "price": 3 }, { "id": "x2", "price": 4 }] },
    "status": 204
}"#;

/// One text, whose value is known.
struct Sample {
    ours: &'static str,
    minijinja: &'static str,
    text: &'static str,
    value: &'static str,
}

const SAMPLES: [Sample; 5] = [
    Sample { ours: "sum_ns", minijinja: "sum_minijinja_ns", text: "{{ a.b + 1 }}", value: "42" },
    Sample {
        ours: "condition_ns",
        minijinja: "condition_minijinja_ns",
        text: "{{ status >= 200 and status < 300 }}",
        value: "true",
    },
    Sample { ours: "path_ns", minijinja: "path_minijinja_ns", text: "{{ a.list[1].id }}", value: "\"x2\"" },
    Sample {
        ours: "template_ns",
        minijinja: "template_minijinja_ns",
        text: "Dear {{ a.name }}, you have {{ a.b }} left",
        value: "\"Dear Ada, you have 41 left\"",
    },
    Sample {
        ours: "filters_ns",
        minijinja: "filters_minijinja_ns",
        text: "{{ a.list | map(attribute='id') | join(', ') | upper }}",
        value: "\"X1, X2\"",
    },
];

/// Single evaluations, ours and minijinja's [count: evaluations of each, 200000]
#[derive(Debug, clap::Args)]
pub(crate) struct Expressions {}

impl Expressions {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(200_000);
        let check = options.check();
        let context = pathway::decode(CONTEXT)?;
        let scope = Names { a: context.get_attr("a").unwrap_or_default(), status: 204.into() };
        // As strict and as bounded as ours.
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(5_000_000));
        let mut cases: Vec<Case<'_, f64>> = Vec::new();
        for sample in &SAMPLES {
            let ours = parse(sample.text)?;
            let scope = &scope;
            cases.push(Box::new(move || {
                round(sample, count, check, || ours.eval(scope).map_err(|error| error.message))
            }));
            cases.push(theirs(sample, count, check, &environment, &context)?);
        }
        let taken = rounds(options.rounds, cases)?;
        let mut report = Report::new("expression", format!("{count} evaluations of each text"));
        for (sample, taken) in SAMPLES.iter().zip(taken.chunks_exact(2)) {
            for (key, taken) in [sample.ours, sample.minijinja].into_iter().zip(taken) {
                report.figure(key, "ns of CPU", taken.iter().copied());
            }
        }
        Ok(report)
    }
}

/// Nanoseconds for each of `count` evaluations, of which the first and the last are checked.
fn round(
    sample: &Sample,
    count: u64,
    check: Check,
    mut eval: impl FnMut() -> Result<Value, String>,
) -> Result<f64, String> {
    let mut spent = Spent::default();
    check.same(sample.text, &to_json(&eval()?), sample.value)?;
    let last = spent.on(|| {
        let mut last = eval();
        for _ in 1..count {
            last = std::hint::black_box(eval());
        }
        last
    });
    check.same(sample.text, &to_json(&last?), sample.value)?;
    Ok(spent.nanos_each(count))
}

fn parse(text: &str) -> Result<Expression, String> {
    let node = pathway::tree(&format!("\"{text}\""))?;
    let Kind::Text(text) = &node.kind else { return Err("not a text".to_owned()) };
    bind(text).ok_or_else(|| format!("`{}` is not a template", text.value))
}

fn bind(text: &Text) -> Option<Expression> {
    let mut expression = Expression::template(text, &Variables::new(), &mut Diagnostics::new())?;
    expression.bind(&mut |read| {
        let is_a = read.path.first() == Some(&pathway_engine::expression::Segment::Key("a".into()));
        Some(Bound { slot: Slot::Local(u32::from(!is_a)), consumed: 1 })
    });
    Some(expression)
}

fn theirs<'a>(
    sample: &'a Sample,
    count: u64,
    check: Check,
    environment: &'a Environment<'a>,
    context: &'a Value,
) -> Result<Case<'a, f64>, String> {
    let whole = sample.text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
    match whole.filter(|text| !text.contains("}}")) {
        Some(text) => {
            let compiled = environment.compile_expression(text).map_err(|error| error.to_string())?;
            Ok(Box::new(move || {
                round(sample, count, check, || {
                    compiled.eval(context.clone()).map_err(|error| error.to_string())
                })
            }))
        }
        None => {
            let compiled = environment.template_from_str(sample.text).map_err(|error| error.to_string())?;
            Ok(Box::new(move || {
                round(sample, count, check, || {
                    compiled.render(context.clone()).map(Value::from).map_err(|error| error.to_string())
                })
            }))
        }
    }
}

/// The names that the texts read.
struct Names {
    a: Value,
    status: Value,
}

impl Scope for Names {
    fn get(&self, slot: Slot) -> Value {
        match slot {
            Slot::Local(0) => self.a.clone(),
            _ => self.status.clone(),
        }
    }

    fn now(&self) -> Now {
        Now::UNIX_EPOCH
    }

    fn uuid(&self, _: u32) -> String {
        String::new()
    }
}
