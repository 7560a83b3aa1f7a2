//! What comes of a call of a service that is answered so, as a server would take it.

use std::time::Duration;

use super::{Answer, Come};
use crate::Value;
use crate::expression::Now;
use crate::project::{Project, Service};
use crate::value::to_json;
use crate::vm::{Class, Failure, HttpRequest, Parse, Picks};

impl Answer {
    /// What comes of a call of a service; `has_token`: the run has the caller's.
    ///
    /// # Errors
    /// Why this cannot be an answer to that call.
    pub(in crate::testing) fn called(
        &self,
        request: &HttpRequest,
        project: &Project,
        has_token: bool,
        now: Now,
    ) -> Result<Come, &'static str> {
        let is_stream = matches!(request.parse, Parse::Sse | Parse::Lines);
        if is_stream && self.body.is_some() && self.status.is_none_or(is_success) {
            return Err(
                "the step reads a stream: answer with `chunks` (what arrives) or `text` (what is picked), not with `body`",
            );
        }
        if !is_stream && (self.chunks.is_some() || self.text.is_some()) {
            return Err("the step reads no stream: answer with `body`");
        }
        if request.parse == Parse::Bytes && self.body.as_ref().is_some_and(|body| body.as_str().is_none()) {
            return Err("the step reads bytes: answer with a `body` that is text, in base64");
        }
        let failed = |after, failure| Ok(Come { after, outcome: Err(failure), pieces: Vec::new() });
        let service = match called(project, &request.service, has_token) {
            Ok(service) => service,
            Err(failure) => return failed(Duration::ZERO, failure),
        };
        let as_caller = service.is_some_and(needs_token);
        let timeout = request.timeout.or(service.map(|service| service.timeout));
        let limit = timeout.unwrap_or(project.service.timeout);
        if self.timeout || self.delay >= limit {
            let message = format!("`{}` took longer than {limit:?}", request.service);
            return failed(limit, Failure::new(Class::Timeout, message));
        }
        let status = self.status.unwrap_or(200);
        if !is_success(status) && !request.accept.contains(&status) {
            return failed(self.delay, self.refusal(request, status, as_caller, now));
        }
        let mut picks = Picks::new(request, "", now);
        let mut pieces = Vec::new();
        for chunk in self.chunks.iter().flatten() {
            let text = chunk.as_str().map_or_else(|| to_json(chunk), str::to_owned);
            match picks.take(text) {
                Ok(picked) => pieces.extend(picked),
                Err(why) => {
                    let message =
                        format!("`{}` sent a piece on which `pick` fails: {}", request.service, why.0);
                    let outcome = Err(Failure::new(Class::Expression, message));
                    return Ok(Come { after: self.delay, outcome, pieces: heard(request, pieces) });
                }
            }
        }
        for text in self.text.iter().flatten() {
            picks.keep(text);
            pieces.push(text.clone());
        }
        if let Some(failure) = &self.error {
            let outcome = Err(failure.clone());
            return Ok(Come { after: self.delay, outcome, pieces: heard(request, pieces) });
        }
        let headers = self.headers.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str())));
        let mut output = vec![
            ("status", Value::from(status)),
            ("headers", Value::from_pairs(headers)),
            ("body", self.read(request.parse)),
        ];
        if is_stream {
            let (text, chunks) = picks.finish();
            output.extend([("text", Value::from(text)), ("chunks", Value::from(chunks))]);
        }
        let outcome = Ok(Value::from_pairs(output));
        Ok(Come { after: self.delay, outcome, pieces: heard(request, pieces) })
    }

    /// What comes of a call that is answered with an empty object, or with nothing where the step reads
    /// something else than that.
    pub(in crate::testing) fn empty(request: &HttpRequest) -> Value {
        let nothing = || Value::from_pairs(std::iter::empty::<(Value, Value)>());
        let body = match request.parse {
            Parse::Auto | Parse::Json => nothing(),
            Parse::Text | Parse::Bytes => Value::from(""),
            Parse::Sse | Parse::Lines => Value::from(()),
        };
        let mut output = vec![("status", Value::from(200_u16)), ("headers", nothing()), ("body", body)];
        if matches!(request.parse, Parse::Sse | Parse::Lines) {
            output.extend([("text", Value::from("")), ("chunks", Value::from(Vec::<Value>::new()))]);
        }
        Value::from_pairs(output)
    }

    /// The body as the step reads it.
    fn read(&self, parse: Parse) -> Value {
        let none = Value::from(());
        match (parse, self.body.as_ref().filter(|body| !body.is_none())) {
            (Parse::Text | Parse::Bytes, None) => Value::from(""),
            (Parse::Text, Some(body)) if body.as_str().is_none() => Value::from(to_json(body)),
            (_, body) => body.cloned().unwrap_or(none),
        }
    }

    /// The failure that a server makes of it.
    fn refusal(&self, request: &HttpRequest, status: u16, as_caller: bool, now: Now) -> Failure {
        let text = self.body.as_ref().filter(|body| !body.is_none());
        let text = text.map(|body| body.as_str().map_or_else(|| to_json(body), str::to_owned));
        let mut bytes = text.unwrap_or_default().into_bytes();
        bytes.truncate(HttpRequest::EXCERPT);
        let after = self.headers.iter().find(|(name, _)| name == "retry-after");
        let after = after.map(|(_, text)| text.as_str());
        request.refused(status, as_caller, &String::from_utf8_lossy(&bytes), (after, now))
    }
}

fn heard(request: &HttpRequest, pieces: Vec<Value>) -> Vec<Value> {
    if request.stream.emit { pieces } else { Vec::new() }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// The service that is really called; one without a token may have another called instead.
fn called<'a>(project: &'a Project, name: &str, has_token: bool) -> Result<Option<&'a Service>, Failure> {
    let Some(service) = project.services.get(name) else { return Ok(None) };
    let other = service.without_token.as_ref().filter(|_| !has_token);
    let service = other.map_or(Some(service), |other| project.services.get(other));
    match service {
        Some(service) if needs_token(service) && !has_token => {
            let message = format!("service `{}` needs the caller's token", service.name.value);
            Err(Failure::new(Class::Denied, message))
        }
        service => Ok(service),
    }
}

/// Whether it is called in the name of the caller.
fn needs_token(service: &Service) -> bool {
    service.headers.iter().any(|(_, header)| !header.reads().is_empty())
}
