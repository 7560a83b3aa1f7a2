//! `fan`: many steps in one run: side by side, in a chain, and by `each`.

use std::fmt::Write;
use std::sync::Arc;

use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::value::to_json;

use crate::clock::{Case, Spent, rounds};
use crate::report::Report;
use crate::{Check, Options, Outcome, pathway};

const WIDE: u64 = 100;
const SHORT: u64 = 1_000;

/// Many steps in one run: side by side, in a chain, by `each` [count: steps of the long chain, 10000]
#[derive(Debug, clap::Args)]
pub(crate) struct Fan {}

impl Fan {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let long = options.count(10_000).max(10);
        let short = SHORT.min(long / 10);
        let shapes = [
            Shape::new(&wide(WIDE), WIDE, Value::from(1), (WIDE * (WIDE + 1) / 2).to_string())?,
            Shape::new(&chain(short), short, Value::from(1), short.to_string())?,
            Shape::new(&chain(long), long, Value::from(1), long.to_string())?,
            Shape::new(EACH, long, (0..long).collect(), (long * (long - 1)).to_string())?,
        ];
        let check = options.check();
        let cases = shapes.iter().map(|shape| -> Case<'_, f64> { Box::new(|| shape.round(long, check)) });
        let taken = rounds(options.rounds, cases.collect())?;
        let [side_by_side, short_chain, long_chain, each] = taken.as_slice() else {
            return Err("no rounds".to_owned());
        };
        let about = format!("{WIDE} steps side by side; chains of {short} and {long}; `each` over {long}");
        let mut report = Report::new("fan", about);
        report.figure("fan_out_ns_per_step", "ns of CPU", side_by_side.iter().copied());
        report.figure("short_chain_ns_per_step", "ns of CPU", short_chain.iter().copied());
        report.figure("long_chain_ns_per_step", "ns of CPU", long_chain.iter().copied());
        let growth = long_chain.iter().zip(short_chain).map(|(long, short)| long / short);
        report.figure("long_to_short", "ratio; linear: 1", growth);
        report.figure("each_ns_per_item", "ns of CPU", each.iter().copied());
        Ok(report)
    }
}

const EACH: &str = "
pathway: each
steps:
  double: { each: input.n, set: \"{{ item * 2 }}\" }
return: \"{{ steps.double | sum }}\"
";

/// `count` steps that read the input, and a sum of them.
fn wide(count: u64) -> String {
    let mut text = "pathway: wide\nsteps:\n".to_owned();
    let mut sum = Vec::new();
    for n in 0..count {
        let _written = writeln!(text, "  s{n}: {{ set: \"{{{{ input.n + {n} }}}}\" }}");
        sum.push(format!("steps.s{n}"));
    }
    text + &format!("return: \"{{{{ {} }}}}\"\n", sum.join(" + "))
}

/// `count` steps, each of which adds one to the one before.
fn chain(count: u64) -> String {
    let mut text = "pathway: chain\nsteps:\n  s0: { set: \"{{ input.n }}\" }\n".to_owned();
    for n in 1..count {
        let _written = writeln!(text, "  s{n}: {{ set: \"{{{{ steps.s{} + 1 }}}}\" }}", n - 1);
    }
    text + &format!("return: \"{{{{ steps.s{} }}}}\"\n", count - 1)
}

struct Shape {
    plan: Arc<Plan>,
    steps: u64,
    input: Value,
    returns: String,
}

impl Shape {
    fn new(text: &str, steps: u64, n: Value, returns: String) -> Result<Self, String> {
        Ok(Self { plan: pathway::plan(text)?, steps, input: Value::from_pairs([("n", n)]), returns })
    }

    /// Nanoseconds for each step, in runs of about ten times `steps` in all.
    fn round(&self, steps: u64, check: Check) -> Result<f64, String> {
        let runs = (10 * steps / self.steps).max(1);
        let mut spent = Spent::default();
        for n in 0..runs {
            let id = format!("018f0000-0000-7000-8000-{n:012}");
            let output = spent.on(|| pathway::run(&self.plan, &id, self.input.clone()))?;
            check.same("a run", &to_json(&output), &self.returns)?;
        }
        Ok(spent.nanos_each(runs * self.steps))
    }
}
