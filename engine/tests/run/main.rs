//! Runs of whole pathways with scripted answers, beside what is asked of the outside, what
//! happens to each step, and how the run ends. `README.md` says how a script is written.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests fail by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind, Principal, Signal};
use pathway_engine::value::to_json;
use pathway_engine::vm::{Body, Change, ClaimAnswer, Class, Effect, Failure, HttpRequest, Vm};

use support::{Run, compile_files, fixture, json, started};

#[path = "../support/mod.rs"]
mod support;

#[test]
fn fixtures() {
    insta::glob!("*.yaml", |path| {
        let mut files = fixture::files(&fs::read_to_string(path).unwrap());
        let at = files.iter().position(|(name, _)| name == "script").unwrap();
        let script = files.remove(at).1;
        let compiled = compile_files(&files);
        assert!(!compiled.diagnostics.has_errors(), "{}:\n{}", path.display(), compiled.report());
        let plan = &compiled.program.pathways[0];
        let mut story = Story { out: String::new(), run: None };
        for line in script.lines().filter(|line| !line.trim().is_empty()) {
            story.line(plan, line);
        }
        story.end();
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("run", story.out);
        });
    });
}

/// What is told of a script.
struct Story {
    out: String,
    run: Option<Run>,
}

impl Story {
    fn line(&mut self, plan: &Arc<Plan>, line: &str) {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, argument) = rest.split_once(' ').unwrap_or((rest, ""));
        if command != "start" && command != "as" {
            writeln!(self.out, "> {line}").unwrap();
        }
        match command {
            "start" => self.start(plan, line, rest, None),
            "as" => self.start(plan, line, argument, Some(name)),
            "answer" => self.run().answer(name, argument),
            "body" => {
                self.run().answer(name, &format!(r#"{{"status": 200, "headers": {{}}, "body": {argument}}}"#))
            }
            "fail" => {
                let (class, message) = argument.split_once(' ').unwrap_or((argument, ""));
                let (class, status) = match class.parse::<u16>() {
                    Ok(status) => (Class::Outage, Some(status)),
                    Err(_) => (Class::from_name(class).unwrap(), None),
                };
                let failure = Failure { status, ..Failure::new(class, message) };
                self.run().fail(name, failure);
            }
            "grant" => self.run().answer_claim(name, &ClaimAnswer::Granted),
            "done" => {
                let by = Some(argument.to_owned()).filter(|by| !by.is_empty());
                self.run().answer_claim(name, &ClaimAnswer::Done { by });
            }
            "redrive" => self.run().redrive(),
            "fire" => assert!(self.run().fire(), "no timer is set"),
            "signal" => {
                let (from, payload) = match argument.strip_prefix("from ") {
                    Some(rest) => rest.split_once(' ').map(|(from, rest)| (Some(from), rest)).unwrap(),
                    None => (None, argument),
                };
                let payload = if payload.is_empty() { "null" } else { payload };
                let signal = Signal {
                    name: name.into(),
                    payload: json(payload),
                    from: from.map(str::to_owned),
                    key: None,
                };
                self.run().tell(Kind::Signalled(signal));
            }
            "cancel" => {
                let reason = Failure::new(Class::Cancelled, rest);
                self.run().tell(Kind::Cancelled { reason });
            }
            _ => panic!("what is `{line}`?"),
        }
        self.tell();
    }

    fn run(&mut self) -> &mut Run {
        self.run.as_mut().unwrap()
    }

    fn start(&mut self, plan: &Arc<Plan>, line: &str, input: &str, sub: Option<&str>) {
        self.end();
        writeln!(self.out, "> {line}").unwrap();
        let input = if input.is_empty() { "{}" } else { input };
        let principal = sub.map(|sub| Principal {
            sub: sub.to_owned(),
            role: Some("authenticated".into()),
            claims: Some(json(r#"{"tier": "gold"}"#)),
            has_token: true,
        });
        let mut run = Run::new(plan);
        let mut begun = started(json(input), 7);
        begun.principal = principal;
        run.tell(Kind::Started(begun));
        self.run = Some(run);
    }

    /// What came of the last event.
    fn tell(&mut self) {
        let Some(run) = &mut self.run else { return };
        let start = run.events[0].at;
        for trace in run.trace() {
            let what = match trace.change {
                Change::Begun { attempt: 1 } => "begins".to_owned(),
                Change::Begun { attempt } => format!("begins attempt {attempt}"),
                Change::Retrying { attempt, at, failure } => {
                    let at = at.duration_since(start).as_secs_f64();
                    format!("fails in attempt {attempt}, again at {at} s: {}", failure_text(&failure))
                }
                Change::Finished { output } => format!("is finished: {}", to_json(&output)),
                Change::Chose { .. } => continue,
                Change::Skipped => "is skipped".to_owned(),
                Change::Kept { .. } => "is kept".to_owned(),
                Change::Failed { failure } => format!("has failed: {}", failure_text(&failure)),
                Change::Cancelled => "is cancelled".to_owned(),
            };
            writeln!(self.out, "    {} {what}", trace.instance).unwrap();
        }
        for effect in std::mem::take(&mut run.effects) {
            let text = match effect {
                Effect::Http { instance, request, at_most_once, .. } => {
                    let once = if at_most_once { " at most once" } else { "" };
                    format!("http {instance}{once}: {}", request_text(&request))
                }
                Effect::Publish { instance, topic, key, value, headers, .. } => {
                    format!("publish {instance}: {topic} {key:?} {headers:?} {}", to_json(&value))
                }
                Effect::Emit { instance, value, .. } => format!("emit {instance}: {}", to_json(&value)),
                Effect::Child { instance, pathway, input, .. } => {
                    format!("call {instance}: {pathway} {}", to_json(&input))
                }
                Effect::Await { instance, name, from, .. } => format!("await {instance}: {name} {from:?}"),
                Effect::Claim { instance, step, key, .. } => format!("claim {instance}: {step} {key:?}"),
                Effect::Release { instance, step, key, done } => {
                    let how = if done { "as done" } else { "for others" };
                    format!("release {instance} {how}: {step} {key:?}")
                }
                Effect::Timer { timer, at, .. } => {
                    format!("timer {timer}: at {} s", at.duration_since(start).as_secs_f64())
                }
                Effect::Abandon { instance } => format!("abandon {instance}"),
                Effect::Ended { outcome: Ok(value) } => format!("ended: {}", to_json(&value)),
                Effect::Ended { outcome: Err(failure) } => format!("failed: {}", failure_text(&failure)),
            };
            writeln!(self.out, "  {text}").unwrap();
        }
    }

    /// The run is told again from its journal, and must be the same.
    fn end(&mut self) {
        let Some(run) = self.run.take() else { return };
        let stored: Vec<Event> =
            run.events.iter().map(|event| Event::decode(&event.encode().unwrap()).unwrap()).collect();
        let again = Vm::replay(run.vm.plan().clone(), &stored).unwrap();
        assert_eq!(format!("{:?}", again.in_flight()), format!("{:?}", run.vm.in_flight()));
        assert_eq!(again.outcome(), run.vm.outcome());
    }
}

fn failure_text(failure: &Failure) -> String {
    let mut text = format!("{}: {}", failure.class.name(), failure.message);
    if let Some(code) = &failure.code {
        write!(text, " code {code}").unwrap();
    }
    if let Some(status) = failure.status {
        write!(text, " status {status}").unwrap();
    }
    if let Some(details) = &failure.details {
        write!(text, " details {}", to_json(details)).unwrap();
    }
    if !failure.violations.is_empty() {
        let at: Vec<_> = failure.violations.iter().map(|violation| violation.pointer.as_str()).collect();
        write!(text, " at {}", at.join(" ")).unwrap();
    }
    if let Some(step) = &failure.step {
        write!(text, " ({step}, attempt {})", failure.attempts).unwrap();
    }
    text
}

fn request_text(request: &HttpRequest) -> String {
    let mut text = format!("{} {:?} {:?}", request.service, request.method, request.path);
    if !request.query.is_empty() {
        write!(text, " query {:?}", request.query).unwrap();
    }
    if !request.headers.is_empty() {
        write!(text, " headers {:?}", request.headers).unwrap();
    }
    match &request.body {
        Body::Empty => {}
        Body::Json(value) => write!(text, " json {}", to_json(value)).unwrap(),
        other => write!(text, " {other:?}").unwrap(),
    }
    if !request.accept.is_empty() {
        write!(text, " accept {:?}", request.accept).unwrap();
    }
    write!(text, " parse {:?}", request.parse).unwrap();
    if request.stream.emit {
        text.push_str(" emit");
    }
    if let Some(timeout) = request.timeout {
        write!(text, " timeout {timeout:?}").unwrap();
    }
    text
}
