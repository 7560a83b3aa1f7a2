//! `fail`: raises an error.

use super::{Action, Begun, Kind, Place, Spec, Visitor};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{self, Fields, Reader};
use crate::expression::{Expression, Scope, Tree};
use crate::reference::{Field, Object, Takes};
use crate::schema::Shape;
use crate::source::Node;
use crate::vm::{Class, Failure};

const BAD_STATUS: Code = Code("PW0229");

/// `fail`.
pub(super) static SPEC: Spec = Spec {
    name: "fail",
    summary: "raises an error; nothing written after it runs",
    output: "none",
    takes: Takes::Object(&FAIL),
    beside: &[],
    example: r#"steps:
  sold_out: { when: input.left == 0, fail: { message: nothing left, class: conflict } }
return: sold
# input: {left: 0}
# fails: conflict
"#,
    parse,
};

static FAIL: Object = Object::new(
    "fail",
    &[
        Field::required("message", Takes::Text, "one sentence, shown to the caller"),
        Field::new("class", Takes::ClassText, "an error class; `invalid` where nothing is said"),
        Field::new("code", Takes::Text, "your own code, for programs"),
        Field::new("status", Takes::Text, "the HTTP status of the reply, instead of the class's"),
        Field::new("details", Takes::Template, "more, for operators"),
    ],
);

#[derive(Debug)]
struct Fail {
    message: Expression,
    class: Option<Expression>,
    code: Option<Expression>,
    status: Option<Expression>,
    details: Option<Tree>,
}

fn parse(step: &Node, _what: &str, reader: &mut Reader<'_>) -> Option<Box<dyn Action>> {
    let mut map = Fields::of(step.get(SPEC.name)?, "`fail`", reader.diagnostics)?;
    let message = map.require("message", reader.diagnostics).map(|node| reader.template(node, "`message`"));
    let class = map.take("class").map(|node| (node, reader.template(node, "`class`")));
    let code = map.take("code").map(|node| reader.template(node, "`code`"));
    let status = map.take("status").map(|node| (node, reader.template(node, "`status`")));
    let details = map.take("details").map(|node| reader.tree(node));
    map.finish(reader.diagnostics);
    if let Some((node, status)) = &status {
        let constant = status.as_ref().and_then(Expression::as_constant);
        if let Some(text) = constant
            && parse_status(&text.to_string()).is_none()
        {
            reader.diagnostics.push(
                Diagnostic::error(BAD_STATUS, format!("`{text}` is no HTTP status of an error"))
                    .at(node.span, "expected 400 to 599"),
            );
        }
    }
    let class = match class {
        None => None,
        Some((node, class)) => {
            let class = class?;
            if let Some(name) = class.as_constant() {
                document::class(&name.to_string(), node.span, reader.diagnostics)?;
            }
            Some(class)
        }
    };
    Some(Box::new(Fail {
        message: message??,
        class,
        code: code.map_or(Some(None), |code| code.map(Some))?,
        status: status.map_or(Some(None), |(_, status)| status.map(Some))?,
        details: details.map_or(Some(None), |details| details.map(Some))?,
    }))
}

fn parse_status(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|status| (400..600).contains(status))
}

impl Action for Fail {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        let place = Place::Open("an error");
        visitor.expression(&mut self.message, place);
        for field in [&mut self.class, &mut self.code, &mut self.status].into_iter().flatten() {
            visitor.expression(field, place);
        }
        if let Some(details) = &mut self.details {
            visitor.tree(details, place);
        }
        Shape::Any
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        let text =
            |field: &Option<Expression>| field.as_ref().map(|text| text.render(scope, None)).transpose();
        let class = match text(&self.class)? {
            None => Class::Invalid,
            Some(name) => Class::from_name(&name).ok_or_else(|| {
                Failure::new(Class::Expression, format!("there is no error class `{name}`"))
            })?,
        };
        let status = match text(&self.status)? {
            None => None,
            Some(status) => Some(parse_status(&status).ok_or_else(|| {
                Failure::new(Class::Expression, format!("`{status}` is no HTTP status of an error"))
            })?),
        };
        let mut failure = Failure::new(class, self.message.render(scope, None)?);
        failure.code = text(&self.code)?;
        failure.status = status;
        failure.details = self.details.as_ref().map(|tree| tree.eval(scope)).transpose()?;
        Err(failure)
    }

    fn kind(&self) -> Kind {
        Kind::Guard
    }
}
