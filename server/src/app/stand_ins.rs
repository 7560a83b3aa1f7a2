//! Mocks that stand in for services while a project is worked on (`pathway dev`): what the tests of
//! a pathway say for all of their cases, step by step.
//!
//! Only what answers a call of a step is taken. What else mocks may say, and what only one case
//! says, is for tests alone.

use pathway_engine::compile::Program;
use pathway_engine::project::NO_URL;
use pathway_engine::value;

use crate::config::Config;
use crate::runner::Mocks;

/// Keys of a mock that answer a call here as they do in a test.
const ANSWERS: [&str; 5] = ["body", "status", "headers", "text", "timeout"];

/// The mocks of a project, in the place of services without a URL and of those that are named.
pub(crate) fn of(config: &mut Config, program: &Program, services: &[String]) -> Mocks {
    let mut answers = Vec::new();
    for path in config.test_files() {
        // What is wrong with a test is for `pathway test` to say.
        let Ok(text) = config.root.read(&path) else { continue };
        let Ok(test) = serde_yaml::from_str::<serde_json::Value>(&text) else { continue };
        let Some(pathway) = test.get("test").and_then(|name| name.as_str()) else { continue };
        if !program.pathways.contains_key(pathway) {
            continue;
        }
        let mocks = test.get("mocks").and_then(|mocks| mocks.as_object());
        for (step, mock) in mocks.into_iter().flatten().filter(|(_, mock)| is_answer(mock)) {
            answers.push((pathway.to_owned(), step.clone(), value::from_serde(mock)));
        }
    }
    Mocks::standing_in(services.iter().cloned(), answers)
}

/// Says nothing of services without a URL, which have stand-ins.
pub(crate) fn excuse(config: &mut Config) {
    config.diagnostics.retain(|found| found.code != NO_URL);
}

fn is_answer(mock: &serde_json::Value) -> bool {
    match mock {
        serde_json::Value::Array(mocks) => !mocks.is_empty() && mocks.iter().all(is_answer),
        serde_json::Value::Object(fields) => {
            !fields.is_empty() && fields.keys().all(|key| ANSWERS.contains(&key.as_str()))
        }
        _ => false,
    }
}
