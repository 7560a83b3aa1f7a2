//! What stands for a step that could not be read.

use super::Step;
use crate::expression::Scope;
use crate::schema::Shape;
use crate::source::Entry;
use crate::steps::{Action, Begun, Visitor};
use crate::vm::{Class, Failure};

impl Step {
    /// Stands for a step whose problems were reported, so that what reads it is not said to read
    /// nothing, and the rest is checked all the same.
    pub(super) fn broken(entry: &Entry) -> Self {
        Self {
            name: entry.key.clone(),
            needs: Vec::new(),
            when: None,
            each: None,
            once: None,
            on_error: None,
            repeat: None,
            retry: None,
            timeout: None,
            at_most_once: false,
            secret: false,
            compensate: None,
            allow: Vec::new(),
            span: entry.key.span.to(entry.value.span),
            verb: "",
            action: Box::new(Broken),
        }
    }
}

/// What a broken step does; it is never run.
#[derive(Debug)]
struct Broken;

impl Action for Broken {
    fn check(&mut self, _: &mut dyn Visitor) -> Shape {
        Shape::Any
    }

    fn begin(&self, _: &dyn Scope) -> Result<Begun, Failure> {
        Err(Failure::new(Class::Bug, "a step that could not be read was run"))
    }
}
