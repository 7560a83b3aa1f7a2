//! `compile`: a project of many pathways, from text to plans.

use std::sync::Arc;

use pathway_engine::project::Project;
use pathway_engine::value::to_json;

use crate::clock::{Spent, rounds};
use crate::report::Report;
use crate::{Options, Outcome, order, pathway};

/// A project of many pathways, from text to plans [count: pathways, 1000]
#[derive(Debug, clap::Args)]
pub(crate) struct Compile {}

impl Compile {
    pub(crate) fn run(&self, options: &Options) -> Outcome {
        let count = options.count(1_000);
        let check = options.check();
        let project = Project::default();
        let texts: Vec<Arc<str>> = (0..count).map(text).collect();
        let round = || {
            let mut spent = Spent::default();
            let program = spent.on(|| pathway::program(&project, &texts))?;
            check.same("compiling", &program.pathways.len().to_string(), &count.to_string())?;
            for (name, n) in [("three_0".to_owned(), 0), (format!("three_{}", count - 1), count - 1)] {
                let plan = program.pathways.get(name.as_str()).ok_or("a pathway is missing")?;
                let output = pathway::run(plan, "run", pathway::decode(&order::input(n))?)?;
                let [.., expected] = order::outputs(n);
                check.same(&name, &to_json(&output), &expected.to_string())?;
            }
            Ok(spent)
        };
        let taken = rounds(options.rounds, vec![Box::new(round)])?;
        let mut report = Report::new("compile", format!("{count} pathways of three steps, from their text"));
        let spent = || taken.iter().flatten();
        report.figure("pathways_per_second", "pathways/s", spent().map(|it| it.per_second(count)));
        report.figure("pathway_us", "µs of CPU", spent().map(|it| it.nanos_each(count) / 1e3));
        report.figure("all_ms", "ms of CPU", spent().map(|it| it.nanos_each(1) / 1e6));
        Ok(report)
    }
}

fn text(n: u64) -> Arc<str> {
    pathway::THREE.replace("pathway: three", &format!("pathway: three_{n}")).into()
}
