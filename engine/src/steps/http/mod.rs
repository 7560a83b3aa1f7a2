//! `http`: calls a service.

mod address;
mod parse;

use std::sync::Arc;

use super::{Action, Begun, Call, Kind, Place, Request, Spec, Visitor};
use crate::Value;
use crate::expression::{Expression, Scope, Tree, text_of};
use crate::reference::{Field, Object, Of, Rule, Takes, Word};
use crate::schema::Shape;
use crate::source::{Span, Spanned};
use crate::vm::{Body, Class, Failure, HttpRequest, Method, Parse, Stream};

/// `http`.
pub(super) static SPEC: Spec = Spec {
    name: "http",
    summary: "calls a service",
    output: "`{status, headers, body}`; of a stream also `text` and `chunks`",
    takes: Takes::Object(&HTTP),
    beside: &[],
    example: r#"steps:
  stock: { http: { service: shop, get: "/stock/{{ input.item }}" } }
return: "{{ steps.stock.body.left }}"
# input: {item: pen}
# mocks: {stock: {body: {left: 3}}}
# returns: 3
"#,
    parse: parse::parse,
};

static HTTP: Object = Object::with(
    "http",
    &[
        Field::required("service", Takes::Name(Of::Service), "a service of the project"),
        Field::new("get", Takes::Text, "GET; the path, appended to the service's URL"),
        Field::new("post", Takes::Text, "POST; the path"),
        Field::new("put", Takes::Text, "PUT; the path"),
        Field::new("patch", Takes::Text, "PATCH; the path"),
        Field::new("delete", Takes::Text, "DELETE; the path"),
        Field::new("query", Takes::TextsOrTemplate, "appended to the query of the service's URL"),
        Field::new("headers", Takes::Texts, "beside the service's"),
        Field::new("json", Takes::Template, "a JSON body"),
        Field::new("form", Takes::TextsOrTemplate, "a form as body"),
        Field::new("multipart", Takes::TextsOrTemplate, "a multipart form as body"),
        Field::new("body", Takes::Text, "text as body"),
        Field::new("accept", Takes::List(&Takes::Status), "answers although they are not 2xx"),
        Field::new("parse", Takes::Words(PARSES), "how the answer is read; `auto` where nothing is said"),
        Field::new("pick", Takes::Expression, "selects from each `chunk` of a stream"),
        Field::new("emit", Takes::Flag, "passes what was picked to the caller as it arrives"),
    ],
    &[
        Rule::AtMostOne(&["get", "post", "put", "patch", "delete"]),
        Rule::AtMostOne(&["json", "form", "multipart", "body"]),
    ],
);

const PARSES: &[Word] = &[
    Word("auto", "as its type says: JSON, else text"),
    Word("json", "as JSON, whatever its type"),
    Word("text", "as text"),
    Word("sse", "as a stream of server-sent events"),
    Word("lines", "as a stream of lines"),
    Word("bytes", "as bytes, in base64"),
];

/// A call, as its step and its service say.
#[derive(Debug)]
struct Http {
    service: Spanned<String>,
    service_name: Arc<str>,
    method: Method,
    path: Expression,
    query: Option<Pairs>,
    headers: Vec<(Spanned<String>, Expression)>,
    payload: Payload,
    accept: Vec<u16>,
    parse: Parse,
    pick: Option<Arc<Expression>>,
    emit: bool,
}

/// Names and texts.
#[derive(Debug)]
enum Pairs {
    /// Written out.
    Each(Vec<(Spanned<String>, Expression)>),
    /// A template that yields a map.
    Map(Expression),
}

#[derive(Debug)]
enum Payload {
    Empty,
    Json(Tree),
    Form(Pairs),
    Multipart(Pairs),
    Text(Expression),
}

impl Action for Http {
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape {
        visitor.service(&self.service);
        visitor.expression(&mut self.path, Place::Open("a path"));
        if let Some(query) = &mut self.query {
            query.check(visitor, Place::Open("a query"));
        }
        for (_, value) in &mut self.headers {
            visitor.expression(value, Place::Value);
        }
        match &mut self.payload {
            Payload::Empty => {}
            Payload::Json(tree) => drop(visitor.tree(tree, Place::Value)),
            Payload::Form(pairs) | Payload::Multipart(pairs) => pairs.check(visitor, Place::Value),
            Payload::Text(text) => drop(visitor.expression(text, Place::Value)),
        }
        if let Some(pick) = self.pick.as_mut().and_then(Arc::get_mut) {
            visitor.expression(pick, Place::Pick);
        }
        self.output()
    }

    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure> {
        let path = self.path.render(scope, Some(&address::encode_segment))?;
        address::check(&path)
            .map_err(|message| Failure::new(Class::Expression, message).at(self.path.span()))?;
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| {
                Ok((name.value.clone(), address::header(value.render(scope, None)?, value.span())?))
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Begun::Ask(Request::Http(HttpRequest {
            service: self.service_name.clone(),
            method: self.method,
            path,
            query: self.query.as_ref().map_or_else(|| Ok(Vec::new()), |query| query.render(scope))?,
            headers,
            body: match &self.payload {
                Payload::Empty => Body::Empty,
                Payload::Json(tree) => Body::Json(tree.eval(scope)?),
                Payload::Form(pairs) => Body::Form(pairs.render(scope)?),
                Payload::Multipart(pairs) => Body::Multipart(pairs.render(scope)?),
                Payload::Text(text) => {
                    let bad = |message| Failure::new(Class::Expression, message).at(text.span());
                    Body::Text(text_of(&text.eval(scope)?).map_err(bad)?)
                }
            },
            accept: self.accept.clone(),
            parse: self.parse,
            stream: Stream { pick: self.pick.clone(), emit: self.emit },
            timeout: None,
        })))
    }

    fn kind(&self) -> Kind {
        Kind::Effect
    }

    fn service(&self) -> Option<&str> {
        Some(&self.service.value)
    }

    fn call(&self) -> Option<Call> {
        let query = match &self.query {
            None => Some(Vec::new()),
            Some(Pairs::Each(pairs)) => {
                Some(pairs.iter().map(|(name, value)| (name.value.clone(), value.span())).collect())
            }
            Some(Pairs::Map(_)) => None,
        };
        Some(Call {
            method: self.method,
            path: self.path.span(),
            query,
            headers: self.headers.iter().map(|(name, _)| name.value.clone()).collect(),
            is_stream: matches!(self.parse, Parse::Sse | Parse::Lines),
        })
    }

    fn emits(&self) -> bool {
        self.emit
    }
}

impl Http {
    fn output(&self) -> Shape {
        let mut properties: indexmap::IndexMap<_, _> =
            [("status", Shape::Scalar), ("headers", Shape::Any), ("body", Shape::Any)]
                .map(|(name, shape)| (name.to_owned(), shape))
                .into();
        if matches!(self.parse, Parse::Sse | Parse::Lines) {
            properties.insert("text".to_owned(), Shape::Scalar);
            properties.insert("chunks".to_owned(), Shape::List(Box::new(Shape::Any)));
        }
        Shape::Object { properties, open: false }
    }
}

impl Pairs {
    fn check(&mut self, visitor: &mut dyn Visitor, place: Place) {
        match self {
            Self::Each(pairs) => {
                for (_, value) in pairs {
                    visitor.expression(value, place);
                }
            }
            Self::Map(map) => drop(visitor.expression(map, place)),
        }
    }

    fn render(&self, scope: &dyn Scope) -> Result<Vec<(String, String)>, Failure> {
        match self {
            Self::Each(pairs) => pairs
                .iter()
                .map(|(name, value)| Ok((name.value.clone(), value.render(scope, None)?)))
                .collect(),
            Self::Map(map) => flatten(&map.eval(scope)?, map.span()),
        }
    }
}

/// A map whose values are scalars, or lists of scalars: their name is then repeated.
fn flatten(map: &Value, span: Span) -> Result<Vec<(String, String)>, Failure> {
    let bad = |message: String| Failure::new(Class::Expression, message).at(span);
    if map.kind() != minijinja::value::ValueKind::Map {
        return Err(bad(format!("a map is needed here, not {}", map.kind())));
    }
    let mut pairs = Vec::new();
    let names = map.try_iter().map_err(|error| bad(error.to_string()))?;
    for name in names {
        let value = map.get_item(&name).map_err(|error| bad(error.to_string()))?;
        let name = text_of(&name).map_err(bad)?;
        let items = match value.kind() {
            minijinja::value::ValueKind::Seq => {
                value.try_iter().map_err(|error| bad(error.to_string()))?.collect()
            }
            _ => vec![value],
        };
        for item in items {
            if item.is_none() || item.is_undefined() || item.as_object().is_some() {
                return Err(bad(format!("`{name}` must be text, not {}", item.kind())));
            }
            pairs.push((name.clone(), text_of(&item).map_err(bad)?));
        }
    }
    Ok(pairs)
}
