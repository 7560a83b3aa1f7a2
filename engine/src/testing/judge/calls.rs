//! What was published, emitted and called.

use serde_json::{Value as Json, json};

use super::{Problem, compare};
use crate::testing::expect::{Call, Calls, Expect};
use crate::testing::record::{Asked, Record};

/// Records that are others than expected.
pub(super) fn published(expect: &Expect, record: &Record) -> Vec<Problem> {
    let Some(published) = &expect.published else { return Vec::new() };
    if published.topics.is_empty() && !record.published.is_empty() {
        let came = record.published.iter().map(|it| json!({ "topic": it.topic, "record": it.record }));
        let message = "something was published";
        return vec![Problem::differs(published.span, message, json!({}), Some(came.collect()))];
    }
    let topics = published.topics.iter().filter_map(|(topic, pattern)| {
        let records = record.published.iter().filter(|it| it.topic == topic.value);
        let records: Json = records.map(|it| it.record.clone()).collect();
        compare(
            pattern,
            (&topic.value, Some(&records)),
            format!("what was published to `{}` is another", topic.value),
        )
    });
    topics.collect()
}

/// Values that whoever listens was told, and that are others than expected. As text they are compared
/// joined.
pub(super) fn emitted(expect: &Expect, record: &Record) -> Option<Problem> {
    let pattern = expect.emitted.as_ref()?;
    let values = record.emitted.iter().map(|(_, value)| value);
    let came: Json = if pattern.is_of_text() {
        let texts = values.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
        texts.collect::<String>().into()
    } else {
        values.cloned().collect()
    };
    compare(pattern, ("emitted", Some(&came)), "what was emitted is another")
}

/// Calls that are others than expected.
pub(super) fn calls(expect: &Expect, record: &Record) -> Option<Problem> {
    let made: Vec<&Asked> = record.asked.iter().filter(|asked| asked.is_call).collect();
    match expect.calls.as_ref()? {
        Calls::Count(count) if usize::try_from(count.value) == Ok(made.len()) => None,
        Calls::Count(count) => {
            let problem = Problem::differs(
                count.span,
                "another number of calls was made",
                count.value.into(),
                Some(made.len().into()),
            );
            Some(problem.help(told(&made)))
        }
        Calls::List(span, wanted) => {
            let meets = |wanted: &Call, asked: &Asked| match wanted {
                Call::Named(name) => is_called(&name.value, asked),
                Call::Like(pattern) => pattern.is_met_by(&asked.sent),
            };
            if wanted.len() == made.len()
                && wanted.iter().zip(&made).all(|(wanted, asked)| meets(wanted, asked))
            {
                return None;
            }
            if wanted.len() == made.len() {
                let first = wanted.iter().zip(&made).find(|(wanted, asked)| !meets(wanted, asked));
                if let Some((Call::Like(pattern), asked)) = first {
                    let message = format!("the call of step `{}` is another", asked.name);
                    return compare(pattern, ("sent", Some(&asked.sent)), message);
                }
            }
            let expected = wanted.iter().map(|wanted| match wanted {
                Call::Named(name) => name.value.clone().into(),
                Call::Like(pattern) => pattern.shown(),
            });
            let names: Json = made.iter().map(|asked| line(asked)).collect();
            Some(Problem::differs(*span, "other calls were made", expected.collect(), Some(names)))
        }
    }
}

/// Whether a call is meant by the name of its step or by `SERVICE METHOD PATH`.
fn is_called(name: &str, asked: &Asked) -> bool {
    if !name.trim().contains(' ') {
        return asked.name == name || asked.path == name;
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    let text = |name: &str| asked.sent.get(name).and_then(Json::as_str).unwrap_or_default();
    let (service, method, path) = (text("service"), text("method"), text("path"));
    match words.as_slice() {
        [one, "*"] => *one == service,
        [one, two] => *one == service && *two == method && path.is_empty(),
        [one, two, three] => {
            let fits = three.strip_suffix('*').map_or(*three == path, |start| path.starts_with(start));
            *one == service && *two == method && fits
        }
        _ => false,
    }
}

/// `update.budget: supabase GET /budgets`
fn line(asked: &Asked) -> String {
    let text = |name: &str| asked.sent.get(name).and_then(Json::as_str).unwrap_or_default();
    format!("{} ({} {} {})", asked.name, text("service"), text("method"), text("path")).replace(" )", ")")
}

fn told(made: &[&Asked]) -> String {
    match made {
        [] => "none was made".to_owned(),
        _ => format!("made were {}", made.iter().map(|asked| line(asked)).collect::<Vec<_>>().join(", ")),
    }
}
