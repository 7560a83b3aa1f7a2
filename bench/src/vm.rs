//! `vm`: runs of three pure steps on one core.
//!
//! Beside the whole run stand its parts: reading the input from JSON, and the six expressions
//! of its steps alone, so that it shows what the machine around them costs.

use std::sync::Arc;

use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Bound, Expression, Now, Read, Scope, Segment, Slot, Variables};
use pathway_engine::source::Kind;
use pathway_engine::value::to_json;

use crate::clock::{Spent, rounds};
use crate::report::Report;
use crate::{Check, Options, Outcome, order, pathway};

/// Runs whose inputs are made, and whose outputs are checked, between two measurements.
const BATCH: u64 = 256;

/// Runs of three pure steps, one core [count: runs, 200000]
#[derive(Debug, clap::Args)]
pub(crate) struct ThreeSteps {}

impl ThreeSteps {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(200_000);
        let bench = Bench {
            plan: pathway::plan(pathway::THREE)?,
            expressions: expressions()?,
            check: options.check(),
        };
        let taken = rounds(
            options.rounds,
            vec![
                Box::new(|| bench.each_batch(count, Bench::run)),
                Box::new(|| bench.each_batch(count, Bench::evaluate)),
                Box::new(|| bench.each_batch(count, Bench::decode)),
            ],
        )?;
        let [runs, expressions, decoding] = taken.as_slice() else { return Err("no rounds".to_owned()) };
        let mut report = Report::new("vm", format!("{count} runs of three pure steps, one core"));
        let all = |taken: &[Spent], figure: fn(Spent, u64) -> f64| -> Vec<f64> {
            taken.iter().map(|spent| figure(*spent, count)).collect()
        };
        report.figure("three_step_runs_per_second", "runs/s", all(runs, Spent::per_second));
        report.figure("three_step_runs_per_cpu_second", "runs/s", all(runs, Spent::per_cpu_second));
        report.figure("run_ns", "ns of CPU", all(runs, Spent::nanos_each));
        report.figure("six_expressions_ns", "ns of CPU", all(expressions, Spent::nanos_each));
        report.figure("decode_input_ns", "ns of CPU", all(decoding, Spent::nanos_each));
        let around = runs.iter().zip(expressions).map(|(run, expressions)| {
            (run.nanos_each(count) - expressions.nanos_each(count)) / expressions.nanos_each(count)
        });
        report.figure("machine_to_expressions", "ratio", around);
        Ok(report)
    }
}

struct Bench {
    plan: Arc<Plan>,
    /// Of each step.
    expressions: Vec<Vec<Expression>>,
    check: Check,
}

impl Bench {
    /// Measures `batch` on runs 0 to `count`, a batch at a time.
    fn each_batch(
        &self,
        count: u64,
        batch: fn(&Self, &[u64], &mut Spent) -> Result<(), String>,
    ) -> Result<Spent, String> {
        let mut spent = Spent::default();
        for first in (0..count).step_by(BATCH as usize) {
            let runs: Vec<_> = (first..count.min(first + BATCH)).collect();
            batch(self, &runs, &mut spent)?;
        }
        Ok(spent)
    }

    fn run(&self, runs: &[u64], spent: &mut Spent) -> Result<(), String> {
        let mut inputs = Vec::with_capacity(runs.len());
        for n in runs {
            inputs.push((format!("018f0000-0000-7000-8000-{n:012}"), pathway::decode(&order::input(*n))?));
        }
        let mut outputs = Vec::with_capacity(runs.len());
        spent.on(|| {
            for (id, input) in inputs.drain(..) {
                outputs.push(pathway::run(&self.plan, &id, input));
            }
        });
        for (n, output) in runs.iter().zip(&outputs) {
            let [.., expected] = order::outputs(*n);
            self.check.same("a run", &to_json(output.as_ref()?), &expected.to_string())?;
        }
        spent.on(|| outputs.clear());
        Ok(())
    }

    fn evaluate(&self, runs: &[u64], spent: &mut Spent) -> Result<(), String> {
        let mut scopes = Vec::with_capacity(runs.len());
        for n in runs {
            let mut outputs = Vec::new();
            for output in order::outputs(*n) {
                outputs.push(pathway::decode(&output.to_string())?);
            }
            scopes.push(Known { input: pathway::decode(&order::input(*n))?, outputs });
        }
        let expressions: Vec<_> = self.expressions.iter().flatten().collect();
        let mut values = Vec::with_capacity(runs.len() * expressions.len());
        spent.on(|| {
            for scope in &scopes {
                values.extend(expressions.iter().map(|expression| expression.eval(scope)));
            }
        });
        let expected = runs.iter().flat_map(|n| order::outputs(*n)).flat_map(|output| match output {
            serde_json::Value::Object(map) => map.into_iter().map(|(_, value)| value).collect(),
            other => vec![other],
        });
        for (value, expected) in values.iter().zip(expected) {
            let value = value.as_ref().map_err(|error| error.message.clone())?;
            self.check.same("an expression", &to_json(value), &expected.to_string())?;
        }
        spent.on(|| values.clear());
        Ok(())
    }

    fn decode(&self, runs: &[u64], spent: &mut Spent) -> Result<(), String> {
        let texts: Vec<_> = runs.iter().map(|n| order::input(*n)).collect();
        let mut values = Vec::with_capacity(runs.len());
        spent.on(|| values.extend(texts.iter().map(|text| pathway::decode(text))));
        for (text, value) in texts.iter().zip(&values) {
            self.check.same("decoding", &to_json(value.as_ref()?), text)?;
        }
        spent.on(|| values.clear());
        Ok(())
    }
}

/// The expressions of the steps, as the VM would evaluate them.
fn expressions() -> Result<Vec<Vec<Expression>>, String> {
    let tree = pathway::tree(pathway::THREE)?;
    let Some(Kind::Map(steps)) = tree.get("steps").map(|steps| &steps.kind) else {
        return Err("the pathway has no steps".to_owned());
    };
    let names: Vec<_> = steps.iter().map(|step| step.key.value.as_str()).collect();
    let mut all = Vec::new();
    for step in steps {
        let Some(Kind::Map(values)) = step.value.get("set").map(|set| &set.kind) else { continue };
        let mut expressions = Vec::new();
        for entry in values {
            let Kind::Text(text) = &entry.value.kind else { continue };
            let mut expression = Expression::template(text, &Variables::new(), &mut Diagnostics::new())
                .ok_or_else(|| format!("`{}` is not a template", text.value))?;
            expression.bind(&mut |read| bound(read, &names));
            expressions.push(expression);
        }
        all.push(expressions);
    }
    Ok(all)
}

fn bound(read: &Read, steps: &[&str]) -> Option<Bound> {
    match read.path.as_slice() {
        [Segment::Key(input), ..] if input == "input" => Some(Bound { slot: Slot::Input, consumed: 1 }),
        [Segment::Key(_), Segment::Key(name), ..] => {
            let index = steps.iter().zip(0..).find(|(step, _)| *step == name)?.1;
            Some(Bound { slot: Slot::Step { up: 0, index }, consumed: 2 })
        }
        _ => None,
    }
}

/// A scope in which all steps are finished.
struct Known {
    input: Value,
    outputs: Vec<Value>,
}

impl Scope for Known {
    fn get(&self, slot: Slot) -> Value {
        match slot {
            Slot::Input => self.input.clone(),
            Slot::Step { index, .. } => self.outputs.get(index as usize).cloned().unwrap_or_default(),
            _ => Value::from(()),
        }
    }

    fn now(&self) -> Now {
        Now::UNIX_EPOCH
    }

    fn uuid(&self, _: u32) -> String {
        String::new()
    }
}
