//! A test file: the pathway that it tests, what holds for all cases, and the cases.

use std::sync::Arc;
use std::time::Duration;

use super::Setting;
use super::answer::MOCK;
use super::case::{Case, Coming, Done};
use super::expect::{EXPECT, Expect};
use super::judge::Problem;
use super::merge::deep;
use super::mock::Mock;
use super::names::Names;
use crate::Value;
use crate::compile::Plan;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Fields, list, scalar, wrong_type};
use crate::expression::Now;
use crate::journal::{Principal, Signal};
use crate::reference::{Field, Object, Of, Takes};
use crate::source::{Entry, Kind, Node, Spanned};
use crate::value::from_serde;

const NO_PATHWAY: Code = Code("PW0820");
const BAD_TIME: Code = Code("PW0829");
const NO_VAR: Code = Code("PW0830");
const NO_ONCE: Code = Code("PW0831");

/// When cases happen that do not say it.
const NOW: &str = "2024-05-20T12:00:00Z";

/// Its fields.
pub(crate) static TEST: Object = Object::new(
    "test",
    &[
        Field::required("test", Takes::Name(Of::Pathway), "the pathway that it tests"),
        INPUT,
        VARS,
        AUTH,
        NOW_IS,
        MOCKS,
        SIGNALS,
        DONE,
        Field::required(
            "cases",
            Takes::Map(&Takes::OrNothing(&Takes::Object(&CASE))),
            "by name, what a run is given and what is to come of it",
        ),
    ],
);

static CASE: Object = Object::new(
    "case",
    &[
        INPUT,
        VARS,
        AUTH,
        NOW_IS,
        MOCKS,
        SIGNALS,
        DONE,
        Field::new(
            "runs",
            Takes::Count(1, 100),
            "how often the pathway runs for this input, one after another",
        ),
        Field::new(
            "expect",
            Takes::Object(&EXPECT),
            "what is to come of it; else that it ends without a failure",
        ),
    ],
);

const INPUT: Field = Field::new("input", Takes::Data, "the input; where there is none, `{}`");
const VARS: Field =
    Field::new("vars", Takes::OrNothing(&Takes::Map(&Takes::Data)), "values of the project's `vars`");
const AUTH: Field = Field::new("auth", Takes::OrNothing(&WHO), "who asks; where there is none, nobody");
const NOW_IS: Field = Field::new("now", Takes::OrNothing(&Takes::Time), "when it begins");
const MOCKS: Field = Field::new(
    "mocks",
    Takes::Map(&Takes::OrNothing(&Takes::OneOf(&[MOCK, Takes::List(&MOCK)]))),
    "what answers, by step or by `SERVICE METHOD PATH`; a list has one answer per attempt",
);
const SIGNALS: Field = Field::new("signals", Takes::OrNothing(&COMING), "signals that come");
const DONE: Field = Field::new(
    "done",
    Takes::OrNothing(&Takes::Map(&Takes::OneOf(&[Takes::Scalar, Takes::List(&Takes::Scalar)]))),
    "steps with `once` that other runs have done: the key, a list of keys, or `true` for all",
);

static WHO: Takes = Takes::Object(&PRINCIPAL);
static COMING: Takes = Takes::List(&Takes::Object(&SIGNAL));

static PRINCIPAL: Object = Object::new(
    "auth",
    &[
        Field::new("sub", Takes::Plain, "the subject"),
        Field::new("role", Takes::Plain, "the role; `authenticated` where nothing is said"),
        Field::new("claims", Takes::Data, "the claims of the token"),
        Field::new("has_token", Takes::Flag, "whether the run has the caller's token"),
    ],
);

static SIGNAL: Object = Object::new(
    "signal",
    &[
        Field::required("name", Takes::Plain, "its name"),
        Field::new("payload", Takes::Data, "what it carries"),
        Field::new("from", Takes::Plain, "who sends it"),
        Field::new("after", Takes::Duration, "when it comes, from the beginning of the run on"),
        Field::new("optional", Takes::Flag, "whether it may find nobody who waits for it"),
    ],
);

/// What both a file and a case may say.
const SHARED: [&str; 7] =
    [INPUT.name, VARS.name, AUTH.name, NOW_IS.name, MOCKS.name, SIGNALS.name, DONE.name];

/// A test file.
#[derive(Debug)]
pub struct Suite {
    /// The name of the pathway that it tests.
    pub pathway: Spanned<String>,
    /// Its cases, in order.
    pub cases: Vec<Case>,
    shared: Vec<Mock>,
}

impl Suite {
    /// Reads a test file. All that is wrong with it is told; none, if it has no pathway to test.
    #[must_use]
    pub fn parse(node: &Node, setting: Setting<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "a test file", diagnostics)?;
        let pathway =
            fields.require("test", diagnostics).and_then(|node| scalar::word(node, "`test`", diagnostics));
        SHARED.into_iter().for_each(|name| fields.knows(name));
        let cases = fields.require("cases", diagnostics);
        fields.finish(diagnostics);
        let pathway = pathway?;
        let Some(plan) = setting.program.pathways.get(pathway.value.as_str()) else {
            diagnostics.push(no_pathway(&pathway, setting));
            return None;
        };
        let shared = match node.get("mocks") {
            Some(mocks) => Mock::parse_all(mocks, Names::of(setting.program, plan), setting, diagnostics),
            None => Vec::new(),
        };
        let Some(entries) = cases?.as_map() else {
            diagnostics.push(wrong_type("`cases`", "a map from name to case", cases?));
            return None;
        };
        let reading = Reading { file: node, plan, setting, shared: &shared };
        let cases = entries.iter().filter_map(|entry| reading.case(entry, diagnostics)).collect();
        Some(Self { pathway, cases, shared })
    }

    /// Mocks of the file that no case has used; `used` are their places, of all cases.
    pub fn unused(&self, used: impl IntoIterator<Item = usize>) -> Vec<Problem> {
        let used: Vec<usize> = used.into_iter().collect();
        let unused = self.shared.iter().enumerate().filter(|(n, _)| !used.contains(n));
        let told = unused.filter_map(|(_, mock)| {
            let (span, _) = mock.unused(0)?;
            let mut problem = Problem::new(span, format!("no case asks the mock `{}`", mock.name.value));
            problem.help = Some("take it out, or say `optional: true` in it".to_owned());
            Some(problem)
        });
        told.collect()
    }
}

fn no_pathway(pathway: &Spanned<String>, setting: Setting<'_>) -> Diagnostic {
    let names: Vec<&str> = setting.program.pathways.keys().map(|name| &**name).collect();
    let help = if names.is_empty() {
        "there is none at all".to_owned()
    } else {
        format!("there is {}", list(&names))
    };
    Diagnostic::error(NO_PATHWAY, format!("there is no pathway `{}` to test", pathway.value))
        .at(pathway.span, "unknown pathway")
        .help(help)
        .suggest(&pathway.value, names.iter().copied())
}

/// A file that is being read.
struct Reading<'a> {
    file: &'a Node,
    plan: &'a Arc<Plan>,
    setting: Setting<'a>,
    shared: &'a [Mock],
}

impl Reading<'_> {
    fn case(&self, entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Case> {
        let what = format!("case `{}`", entry.key.value);
        let empty = Node { span: entry.key.span, kind: Kind::Map(Vec::new()) };
        // A name with nothing below it: the run is to end well.
        let node = if entry.value.kind == Kind::Null { &empty } else { &entry.value };
        let mut fields = Fields::of(node, what, diagnostics)?;
        SHARED.into_iter().for_each(|name| fields.knows(name));
        let runs = fields.take("runs").and_then(|node| scalar::count(node, "`runs`", 1..=100, diagnostics));
        let expect = fields.take("expect");
        fields.finish(diagnostics);
        let expect = match expect {
            Some(node) => Expect::parse(node, self.plan, self.setting, diagnostics)?,
            None => Expect::default(),
        };
        let merged =
            |name: &str| deep(self.file.get(name), node.get(name)).filter(|node| node.kind != Kind::Null);
        let over = |name: &str| {
            node.get(name).or_else(|| self.file.get(name)).filter(|node| node.kind != Kind::Null)
        };
        let input = merged("input").map_or_else(
            || Value::from_pairs(std::iter::empty::<(Value, Value)>()),
            |node| from_serde(&node.to_json()),
        );
        let mocks = match node.get("mocks") {
            Some(mocks) => {
                let names = Names::of(self.setting.program, self.plan);
                Mock::parse_all(mocks, names, self.setting, diagnostics)
            }
            None => Vec::new(),
        };
        let hidden = |mock: &Mock| node.get("mocks").is_some_and(|own| own.get(&mock.name.value).is_some());
        let left = self.shared.iter().enumerate().filter(|(_, mock)| !hidden(mock));
        let (places, shared) = left.map(|(n, mock)| (n, mock.clone())).unzip();
        Some(Case {
            name: entry.key.clone(),
            plan: self.plan.clone(),
            input,
            principal: merged("auth").and_then(|node| principal(&node, diagnostics)),
            now: now(over("now"), diagnostics),
            constants: merged("vars").and_then(|node| self.constants(&node, diagnostics)),
            mocks,
            shared,
            places,
            signals: over("signals").map(|node| signals(node, diagnostics)).unwrap_or_default(),
            done: merged("done")
                .map(|done| self.done(&done, node.get("done"), diagnostics))
                .unwrap_or_default(),
            runs: runs.unwrap_or(1),
            expect,
        })
    }

    /// The project's variables, some of them with other values.
    fn constants(&self, node: &Node, diagnostics: &mut Diagnostics) -> Option<Arc<[Value]>> {
        let Some(entries) = node.as_map() else {
            diagnostics.push(wrong_type("`vars`", "a map of variables of the project", node));
            return None;
        };
        let vars = &self.setting.project.vars;
        for entry in entries.iter().filter(|entry| !vars.contains_key(&entry.key.value)) {
            let names: Vec<&str> = vars.keys().map(String::as_str).collect();
            let help = match names.as_slice() {
                [] => "it has none; what the pathway itself computes in `vars` cannot be set".to_owned(),
                names => format!(
                    "it has {}; what the pathway itself computes in `vars` cannot be set",
                    list(names)
                ),
            };
            diagnostics.push(
                Diagnostic::error(NO_VAR, format!("the project has no variable `{}`", entry.key.value))
                    .at(entry.key.span, "unknown variable")
                    .help(help)
                    .suggest(&entry.key.value, names.iter().copied()),
            );
        }
        let value = |(name, var): (&String, &crate::project::Var)| match node.get(name) {
            Some(node) => from_serde(&node.to_json()),
            None => var.value.clone(),
        };
        Some(vars.iter().map(value).collect())
    }

    /// Reads `done:`: steps with `once`, and the keys for which others have done them.
    fn done(&self, node: &Node, own: Option<&Node>, diagnostics: &mut Diagnostics) -> Vec<Done> {
        let Some(entries) = node.as_map() else {
            diagnostics.push(wrong_type("`done`", "a map from step to key", node));
            return Vec::new();
        };
        let names = Names::of(self.setting.program, self.plan);
        let mut all = Vec::new();
        for entry in entries {
            match names.find(&entry.key.value, entry.key.span) {
                Err(unknown) => diagnostics.push(unknown),
                Ok(steps) if steps.iter().all(|step| step.once.is_none()) => diagnostics.push(
                    Diagnostic::error(NO_ONCE, format!("step `{}` has no `once`", entry.key.value))
                        .at(entry.key.span, "is done in every run")
                        .help("name a step that has one"),
                ),
                Ok(_) => {
                    let Some(keys) = keys(&entry.value) else {
                        let what = format!("what is done of `{}`", entry.key.value);
                        let wanted = "a key, a list of keys, or `true` for all of them";
                        diagnostics.push(wrong_type(&what, wanted, &entry.value));
                        continue;
                    };
                    let step = entry.key.value.clone();
                    let is_own = own.is_some_and(|own| own.get(&step).is_some());
                    all.push(Done { step, span: entry.key.span, is_own, keys });
                }
            }
        }
        all
    }
}

/// Keys for which a step is done; within, none: whatever the key. None: they are no keys.
fn keys(node: &Node) -> Option<Option<Vec<String>>> {
    let key = |node: &Node| match node.to_json() {
        serde_json::Value::String(text) => Some(text),
        number @ serde_json::Value::Number(_) => Some(number.to_string()),
        _ => None,
    };
    match &node.kind {
        Kind::Bool(true) => Some(None),
        Kind::List(items) => items.iter().map(key).collect::<Option<_>>().map(Some),
        _ => Some(Some(vec![key(node)?])),
    }
}

fn principal(node: &Node, diagnostics: &mut Diagnostics) -> Option<Principal> {
    let mut fields = Fields::of(node, "`auth`", diagnostics)?;
    let sub = fields.require("sub", diagnostics).and_then(|node| scalar::word(node, "`sub`", diagnostics));
    let role = fields.take("role").and_then(|node| scalar::word(node, "`role`", diagnostics));
    let claims = fields.take("claims").map(|node| from_serde(&node.to_json()));
    let has_token =
        fields.take("has_token").and_then(|node| scalar::boolean(node, "`has_token`", diagnostics));
    fields.finish(diagnostics);
    Some(Principal {
        sub: sub?.value,
        role: Some(role.map_or_else(|| "authenticated".to_owned(), |role| role.value)),
        claims,
        has_token: has_token.unwrap_or(false),
    })
}

fn now(node: Option<&Node>, diagnostics: &mut Diagnostics) -> Now {
    let text =
        node.map(|node| scalar::word(node, "`now`", diagnostics).map_or_else(String::new, |it| it.value));
    let parsed = text.as_deref().unwrap_or(NOW).parse();
    if let (Some(node), Some(text), Err(_)) = (node, &text, &parsed)
        && !text.is_empty()
    {
        diagnostics.push(
            Diagnostic::error(BAD_TIME, format!("`{text}` is no time"))
                .at(node.span, "expected a date, a time and a zone")
                .help(format!("write it as `{NOW}`")),
        );
    }
    parsed.unwrap_or(Now::UNIX_EPOCH)
}

fn signals(node: &Node, diagnostics: &mut Diagnostics) -> Vec<Coming> {
    let Some(items) = node.as_list() else {
        diagnostics.push(wrong_type("`signals`", "a list of signals", node));
        return Vec::new();
    };
    items.iter().filter_map(|item| signal(item, diagnostics)).collect()
}

fn signal(node: &Node, diagnostics: &mut Diagnostics) -> Option<Coming> {
    let mut fields = Fields::of(node, "a signal", diagnostics)?;
    let name = fields.require("name", diagnostics).and_then(|node| scalar::word(node, "`name`", diagnostics));
    let payload = fields.take("payload").map_or_else(|| Value::from(()), |node| from_serde(&node.to_json()));
    let from = fields.take("from").and_then(|node| scalar::word(node, "`from`", diagnostics));
    let after = fields.take("after").and_then(|node| scalar::duration(node, "`after`", diagnostics));
    let optional = fields.take("optional").and_then(|node| scalar::boolean(node, "`optional`", diagnostics));
    fields.finish(diagnostics);
    let signal = Signal { name: name?.value, payload, from: from.map(|from| from.value), key: None };
    Some(Coming {
        span: node.span,
        after: after.unwrap_or(Duration::ZERO),
        optional: optional.unwrap_or(false),
        signal,
    })
}
