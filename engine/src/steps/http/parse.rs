//! Reading an `http` step, with what its service says of its calls.

use std::sync::Arc;

use super::address;
use super::{Http, Pairs, Payload, SPEC};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Fields, Reader, list, scalar, whole, wrong_type};
use crate::source::{Entry, Kind, Node, Spanned};
use crate::steps::Action;
use crate::vm::{Method, Parse};

const METHOD: Code = Code("PW0218");
const BODY: Code = Code("PW0219");
const STREAM_ONLY: Code = Code("PW0220");
const BAD_PATH: Code = Code("PW0221");
const BAD_HEADER: Code = Code("PW0222");

const METHODS: [(&str, Method); 5] = [
    ("get", Method::Get),
    ("post", Method::Post),
    ("put", Method::Put),
    ("patch", Method::Patch),
    ("delete", Method::Delete),
];
const PAYLOADS: [&str; 4] = ["json", "form", "multipart", "body"];
const PARSES: [(&str, Parse); 6] = [
    ("auto", Parse::Auto),
    ("json", Parse::Json),
    ("text", Parse::Text),
    ("sse", Parse::Sse),
    ("lines", Parse::Lines),
    ("bytes", Parse::Bytes),
];

pub(super) fn parse(step: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let written = step.get(SPEC.name)?;
    let node = with_defaults(written, reader)?;
    let mut fields = Fields::of(&node, "`http`", reader.diagnostics)?;

    let service = fields
        .require("service", reader.diagnostics)
        .and_then(|node| scalar::word(node, "`service`", reader.diagnostics));
    let address = address(&mut fields, what, reader);
    let query = fields.take("query").map(|node| pairs(node, "`query`", reader));
    let headers = fields.take("headers").map(|node| headers(node, reader));
    let payload = payload(&mut fields, reader);
    let accept = fields.take("accept").map(|node| accept(node, reader));
    let parse = match fields.take("parse") {
        None => Some(Parse::Auto),
        Some(node) => scalar::choice(node, "`parse`", &PARSES, reader.diagnostics),
    };
    let pick = fields.take_entry("pick");
    let emit = fields.take_entry("emit");
    fields.finish(reader.diagnostics);

    let parse = parse?;
    if !matches!(parse, Parse::Sse | Parse::Lines) {
        for entry in [pick, emit].into_iter().flatten() {
            reader.diagnostics.push(
                Diagnostic::error(STREAM_ONLY, format!("`{}` is for streams", entry.key.value))
                    .at(entry.key.span, "the answer is not read as a stream")
                    .help("add `parse: sse` or `parse: lines`"),
            );
        }
    }
    let pick = pick.map(|entry| reader.optional(&entry.value, "`pick`"));
    let emit = emit.map(|entry| scalar::boolean(&entry.value, "`emit`", reader.diagnostics));

    let (service, (method, path)) = (service?, address?);
    Some(Box::new(Http {
        service_name: service.value.as_str().into(),
        service,
        method,
        path,
        query: query.map_or(Some(None), |query| query.map(Some))?,
        headers: headers.unwrap_or_else(|| Some(Vec::new()))?,
        payload: payload?,
        accept: accept.unwrap_or_else(|| Some(Vec::new()))?,
        parse,
        pick: pick.map_or(Some(None), |pick| pick.map(|pick| Some(Arc::new(pick))))?,
        emit: emit.unwrap_or(Some(false))?,
    }))
}

/// The step's fields, and those of its service's `http:` that it does not give itself.
fn with_defaults(written: &Node, reader: &mut Reader<'_>) -> Option<Node> {
    let Kind::Map(entries) = &written.kind else {
        reader.diagnostics.push(wrong_type("`http`", "a map", written));
        return None;
    };
    let mut entries = entries.clone();
    let name = written.get("service").and_then(Node::as_text);
    let service = name.and_then(|name| reader.project.services.get(&name.value));
    let defaults = service.and_then(|service| service.http.as_ref()).and_then(Node::as_map);
    let has = |entries: &[Entry], keys: &[&str]| {
        entries.iter().any(|entry| keys.contains(&entry.key.value.as_str()))
    };
    let methods = METHODS.map(|(name, _)| name);
    let groups = [&methods[..], &PAYLOADS[..]].map(|group| (group, has(&entries, group)));
    for entry in defaults.unwrap_or_default() {
        let key = entry.key.value.as_str();
        let replaced = groups.iter().any(|(group, given)| *given && group.contains(&key));
        if !replaced && !has(&entries, &[key]) {
            entries.push(entry.clone());
        }
    }
    Some(Node { span: written.span, kind: Kind::Map(entries) })
}

fn address(
    fields: &mut Fields<'_>,
    what: &str,
    reader: &mut Reader<'_>,
) -> Option<(Method, crate::expression::Expression)> {
    let mut found = METHODS.iter().filter_map(|(name, method)| Some((fields.take_entry(name)?, *method)));
    let first = found.next();
    let second = found.next();
    drop(found);
    match (first, second) {
        (Some((entry, method)), None) => {
            let path = reader.template(&entry.value, &format!("`{}`", entry.key.value))?;
            if let Some(text) = path.as_constant().and_then(|value| value.as_str())
                && let Err(message) = address::check(text)
            {
                let mut problem = Diagnostic::error(BAD_PATH, message)
                    .at(entry.value.span, "appended to the service's URL");
                if text.contains('?') {
                    problem = problem.help("give parameters under `query`");
                }
                reader.diagnostics.push(problem);
                return None;
            }
            Some((method, path))
        }
        (None, _) => {
            reader.diagnostics.push(
                Diagnostic::error(METHOD, format!("{what} calls a service without a method"))
                    .at(fields.span(), "no method here, nor with the service")
                    .help(format!("give the path under {}", list(&METHODS.map(|(name, _)| name)))),
            );
            None
        }
        (Some((first, _)), Some((second, _))) => {
            reader.diagnostics.push(
                Diagnostic::error(METHOD, format!("{what} has two methods"))
                    .at(second.key.span, "second")
                    .at(first.key.span, "first"),
            );
            None
        }
    }
}

fn payload(fields: &mut Fields<'_>, reader: &mut Reader<'_>) -> Option<Payload> {
    let mut found = PAYLOADS.iter().filter_map(|name| fields.take_entry(name));
    let (first, second) = (found.next(), found.next());
    drop(found);
    let Some(entry) = first else { return Some(Payload::Empty) };
    if let Some(second) = second {
        reader.diagnostics.push(
            Diagnostic::error(BODY, "a request has one body")
                .at(second.key.span, "second")
                .at(entry.key.span, "first")
                .help("keep one of them"),
        );
        return None;
    }
    match entry.key.value.as_str() {
        "json" => reader.tree(&entry.value).map(Payload::Json),
        "form" => pairs(&entry.value, "`form`", reader).map(Payload::Form),
        "multipart" => pairs(&entry.value, "`multipart`", reader).map(Payload::Multipart),
        _ => reader.template(&entry.value, "`body`").map(Payload::Text),
    }
}

fn pairs(node: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Pairs> {
    match &node.kind {
        Kind::Text(_) => reader.template(node, what).map(Pairs::Map),
        _ => reader.pairs(node, what).map(Pairs::Each),
    }
}

fn headers(
    node: &Node,
    reader: &mut Reader<'_>,
) -> Option<Vec<(Spanned<String>, crate::expression::Expression)>> {
    let pairs = reader.pairs(node, "`headers`")?;
    let mut good = true;
    for (name, _) in &pairs {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let reserved = ["host", "content-length", "transfer-encoding", "connection"];
        let problem = if name.value.is_empty() || !name.value.bytes().all(token) {
            "cannot be the name of a header"
        } else if reserved.contains(&name.value.to_ascii_lowercase().as_str()) {
            "is set by the engine"
        } else {
            continue;
        };
        good = false;
        reader.diagnostics.push(
            Diagnostic::error(BAD_HEADER, format!("`{}` {problem}", name.value))
                .at(name.span, "not allowed here"),
        );
    }
    good.then_some(pairs)
}

fn accept(node: &Node, reader: &mut Reader<'_>) -> Option<Vec<u16>> {
    let Some(items) = node.as_list() else {
        reader.diagnostics.push(wrong_type("`accept`", "a list of statuses", node));
        return None;
    };
    let statuses = items.iter().map(|item| scalar::count(item, "a status", 100..=599, reader.diagnostics));
    whole(statuses.map(|status| status.and_then(|status| u16::try_from(status).ok())))
}
