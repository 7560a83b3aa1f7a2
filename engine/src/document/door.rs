//! `on:`: the ways into a pathway.

use std::time::Duration;

use super::schedule::SCHEDULE;
use super::{Fields, Overlap, Reader, Schedule, scalar};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{Expression, Tree};
use crate::reference::{Field, Object, Of, Rule, Takes, Word};
use crate::source::{Node, Spanned};
use crate::vm::Method;

const DOOR_PATH: Code = Code("PW0223");
const DOOR_METHOD: Code = Code("PW0224");
const NO_STREAM: Code = Code("PW0225");
const TWO_LANES: Code = Code("PW0275");
const NOBODY_VOUCHES: Code = Code("PW0276");
const NOTHING_TO_SHOW: Code = Code("PW0250");

/// Its fields.
pub(crate) static DOOR: Object = Object::new(
    "door",
    &[
        Field::new(
            "topic",
            Takes::Name(Of::Topic),
            "each record of it begins a run; `pathway.NAME` where nothing is said",
        ),
        Field::new("key", Takes::Expression, "the lane: one run at a time per key, in order"),
        Field::new("id", Takes::Expression, "one run per id, however often it is delivered"),
        Field::new("subject", Takes::Expression, "who the run is about: the caller must be it"),
        Field::new("token", Takes::Plain, "the field that may carry the caller's bearer token"),
        Field::new("trust", Takes::Words(TRUST_WORDS), "who is believed without a token"),
        Field::new("correlation", Takes::Plain, "the field that carries the correlation id"),
        Field::new("park", Takes::Words(PARK_WORDS), "what becomes of the lane of a parked run"),
        Field::new("reply", Takes::Object(&REPLY), "where the outcome is published"),
        Field::new("http", Takes::Object(&HTTP_DOOR), "the HTTP route"),
        Field::new(
            "schedule",
            Takes::OneOf(&[Takes::Object(&SCHEDULE), Takes::List(&Takes::Object(&SCHEDULE))]),
            "when runs begin by themselves",
        ),
    ],
);

const EMIT: Field = Field::new("emit", Takes::Template, "what is said per emitted value, `emitted`");
const DONE: Field = Field::new("done", Takes::Template, "what is said at the end; else the return value");
const ERROR: Field =
    Field::new("error", Takes::Template, "what is said of a failure, `error`; else a problem");

static REPLY: Object = Object::new(
    "reply",
    &[Field::required("topic", Takes::Name(Of::Topic), "where it is published"), EMIT, DONE, ERROR],
);

static HTTP_DOOR: Object = Object::with(
    "route",
    &[
        Field::new("post", Takes::Plain, "POST; the path"),
        Field::new("get", Takes::Plain, "GET; the path. The input is the query"),
        Field::new("put", Takes::Plain, "PUT; the path"),
        Field::new("patch", Takes::Plain, "PATCH; the path"),
        Field::new("delete", Takes::Plain, "DELETE; the path"),
        Field::new("mode", Takes::Words(MODE_WORDS), "what the caller gets; `wait` where nothing is said"),
        Field::new("auth", Takes::Words(AUTH_WORDS), "who may call; `user` where nothing is said"),
        Field::new("timeout", Takes::Duration, "how long the caller waits"),
        EMIT,
        DONE,
        ERROR,
        Field::new(
            "attach",
            Takes::Plain,
            "path of a GET route that joins the stream of a run by its correlation id",
        ),
    ],
    &[Rule::AtMostOne(METHOD_NAMES), Rule::AtLeastOne(METHOD_NAMES)],
);

const METHOD_NAMES: &[&str] = &["post", "get", "put", "patch", "delete"];
const MODE_WORDS: &[Word] = &[
    Word("wait", "the outcome, when it is there"),
    Word("accept", "202, and where to ask for the outcome"),
    Word("stream", "what the run emits, as it is emitted"),
];
/// Who may call.
pub(super) const AUTH_WORDS: &[Word] = &[
    Word("user", "a user with a token"),
    Word("optional", "a user with a token, or anyone"),
    Word("none", "anyone; a token is not looked at"),
    Word("service", "a service with the admin token"),
];
const TRUST_WORDS: &[Word] =
    &[Word("producers", "what comes without a token is served as the service, in the name of its subject")];
const PARK_WORDS: &[Word] =
    &[Word("go_on", "the lane goes on"), Word("hold", "it waits until the run is redriven or dropped")];

/// The ways into a pathway.
#[derive(Debug, Default)]
pub struct Door {
    /// Its topic; none: `pathway.NAME`.
    pub topic: Option<Spanned<String>>,
    /// Lane: one run at a time per key, in order.
    pub key: Option<Expression>,
    /// One run per id, however often it is delivered.
    pub id: Option<Expression>,
    /// Who it is about.
    pub subject: Option<Expression>,
    /// Field that may carry the caller's bearer token: it is verified, sealed and cut out.
    pub token: Option<Spanned<String>>,
    /// What comes without token or principal is served as the service.
    pub trusts_producers: bool,
    /// Field that carries the correlation id.
    pub correlation: Option<Spanned<String>>,
    /// A parked run keeps its lane.
    pub park_holds: bool,
    /// Where the outcome is published.
    pub reply: Option<Reply>,
    /// The HTTP route.
    pub http: Option<HttpDoor>,
    /// When runs begin by themselves.
    pub schedules: Vec<Schedule>,
}

/// Where the outcome is published.
#[derive(Debug)]
pub struct Reply {
    /// Logical topic.
    pub topic: Spanned<String>,
    /// What is said, and when.
    pub form: Form,
}

/// What is said of a run: per emitted value, at its end, at its failure.
#[derive(Debug, Default)]
pub struct Form {
    /// Per emitted value; none: emitted values are not said.
    pub emit: Option<Tree>,
    /// At the end; none: the return value.
    pub done: Option<Tree>,
    /// At a failure; none: a problem.
    pub error: Option<Tree>,
}

/// An HTTP route.
#[derive(Debug)]
pub struct HttpDoor {
    /// Method.
    pub method: Method,
    /// Path, beginning with `/`.
    pub path: Spanned<String>,
    /// What the caller gets.
    pub mode: Mode,
    /// Who may call.
    pub auth: Auth,
    /// The door's deadline.
    pub timeout: Duration,
    /// What a stream says.
    pub form: Form,
    /// Path of a `GET` route by which a caller joins the stream of a run by its correlation id.
    pub attach: Option<Spanned<String>>,
}

impl HttpDoor {
    /// The parameter of a stream's ticket.
    pub const TICKET: &str = "ticket";
    /// The parameter of a token (RFC 6750).
    pub const ACCESS_TOKEN: &str = "access_token";
    /// The parameters that tell who calls.
    pub const CREDENTIALS: [&str; 2] = [Self::TICKET, Self::ACCESS_TOKEN];

    /// Whether the query may tell who calls: browsers can open a stream in no other way.
    #[must_use]
    pub fn takes_credentials(&self) -> bool {
        self.mode == Mode::Stream && self.method == Method::Get
    }
}

/// What the caller of an HTTP door gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The outcome, when it is there.
    Wait,
    /// 202 and where to ask.
    Accept,
    /// What the run emits, as it is emitted.
    Stream,
}

/// Who may call an HTTP door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// A user with a token.
    User,
    /// A user with a token, or anyone.
    Optional,
    /// Anyone; a token is not looked at.
    None,
    /// A service with the admin token.
    Service,
}

const METHODS: [(&str, Method); 5] = [
    ("post", Method::Post),
    ("get", Method::Get),
    ("put", Method::Put),
    ("patch", Method::Patch),
    ("delete", Method::Delete),
];
const MODES: [(&str, Mode); 3] = [("wait", Mode::Wait), ("accept", Mode::Accept), ("stream", Mode::Stream)];
const AUTHS: [(&str, Auth); 4] =
    [("user", Auth::User), ("optional", Auth::Optional), ("none", Auth::None), ("service", Auth::Service)];
const TRUST: [(&str, bool); 1] = [("producers", true)];
const PARK: [(&str, bool); 2] = [("go_on", false), ("hold", true)];

impl Door {
    /// Reads `on:`.
    pub fn parse(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "`on`", reader.diagnostics)?;
        let topic = fields.take("topic").map(|node| scalar::word(node, "`topic`", reader.diagnostics));
        let key = fields.take("key").map(|node| reader.bare(node, "`key`"));
        let id = fields.take("id").map(|node| reader.optional(node, "`id`"));
        let subject = fields.take("subject").map(|node| reader.optional(node, "`subject`"));
        let token = fields.take("token").map(|node| scalar::word(node, "`token`", reader.diagnostics));
        let trust =
            fields.take("trust").map(|node| scalar::choice(node, "`trust`", &TRUST, reader.diagnostics));
        let correlation =
            fields.take("correlation").map(|node| scalar::word(node, "`correlation`", reader.diagnostics));
        let park = fields.take("park").map(|node| scalar::choice(node, "`park`", &PARK, reader.diagnostics));
        let reply = fields.take("reply").map(|node| Reply::parse(node, reader));
        let http = fields.take("http").map(|node| HttpDoor::parse(node, reader));
        let schedules = fields.take("schedule").map(|node| Schedule::parse_all(node, reader));
        fields.finish(reader.diagnostics);
        let schedules = optional(schedules)?.unwrap_or_default();
        check_schedules(&schedules, node, reader.diagnostics);
        if let (None, Some(Some(http))) = (&reply, &http) {
            check_attach(http, reader);
        }
        Some(Self {
            topic: optional(topic)?,
            key: optional(key)?,
            id: optional(id)?,
            subject: optional(subject)?,
            token: optional(token)?,
            trusts_producers: optional(trust)?.unwrap_or(false),
            correlation: optional(correlation)?,
            park_holds: optional(park)?.unwrap_or(false),
            reply: optional(reply)?,
            http: optional(http)?,
            schedules,
        })
    }
}

/// What the rest of a door does not go with.
fn check_schedules(schedules: &[Schedule], door: &Node, diagnostics: &mut Diagnostics) {
    for schedule in schedules {
        if let (Some(key), Overlap::Queue) = (door.get("key"), schedule.overlap) {
            diagnostics.push(
                Diagnostic::error(TWO_LANES, "runs of a schedule cannot wait in two lanes")
                    .at(schedule.span, "`overlap: queue` is a lane of its own")
                    .at(key.span, "this is another")
                    .help("write `overlap: allow`: the lane of `key` holds for these runs too"),
            );
        }
        let known = door.get("subject").or_else(|| door.get("token"));
        if let (Some(known), None) = (known, door.get("trust")) {
            diagnostics.push(
                Diagnostic::error(
                    NOBODY_VOUCHES,
                    "a schedule acts for nobody, so all its runs would be denied",
                )
                .at(schedule.span, "nobody asks")
                .at(known.span, "this must be who asks")
                .help("write `trust: producers`, or schedule a pathway that does without and let both `call` one"),
            );
        }
    }
}

/// An absent field is fine; one that could not be read is not.
pub(super) fn optional<T>(field: Option<Option<T>>) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

impl Form {
    fn parse(fields: &mut Fields<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let emit = fields.take("emit").map(|node| reader.tree(node));
        let done = fields.take("done").map(|node| reader.tree(node));
        let error = fields.take("error").map(|node| reader.tree(node));
        Some(Self { emit: optional(emit)?, done: optional(done)?, error: optional(error)? })
    }
}

impl Reply {
    fn parse(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "`reply`", reader.diagnostics)?;
        let topic = fields
            .require("topic", reader.diagnostics)
            .and_then(|node| scalar::word(node, "`topic`", reader.diagnostics));
        let form = Form::parse(&mut fields, reader);
        fields.finish(reader.diagnostics);
        Some(Self { topic: topic?, form: form? })
    }
}

impl HttpDoor {
    fn parse(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "`http`", reader.diagnostics)?;
        let methods: Vec<_> = METHODS
            .iter()
            .filter_map(|(name, method)| fields.take_entry(name).map(|entry| (entry, *method)))
            .collect();
        let mode = fields.take("mode").map(|node| scalar::choice(node, "`mode`", &MODES, reader.diagnostics));
        let auth = fields.take("auth").map(|node| auth(node, reader));
        let timeout =
            fields.take("timeout").map(|node| scalar::duration(node, "`timeout`", reader.diagnostics));
        let entries: Vec<_> = ["emit", "done"].iter().filter_map(|name| fields.take_entry(name)).collect();
        let form = Form::parse(&mut fields, reader);
        let attach = fields.take("attach").map(|node| {
            let path = scalar::word(node, "`attach`", reader.diagnostics)?;
            check_path(&path, "query", reader).map(|()| path)
        });
        let span = fields.span();
        fields.finish(reader.diagnostics);

        let mode = optional(mode)?.unwrap_or(Mode::Wait);
        if mode != Mode::Stream {
            for entry in entries {
                reader.diagnostics.push(
                    Diagnostic::error(NO_STREAM, format!("`{}` is for streams", entry.key.value))
                        .at(entry.key.span, "this door answers once")
                        .help("add `mode: stream`, or leave it out"),
                );
            }
        }
        let (entry, method) = match methods.as_slice() {
            [one] => one,
            [] => {
                reader.diagnostics.push(
                    Diagnostic::error(DOOR_METHOD, "an HTTP door needs a method and its path")
                        .at(span, "no method here")
                        .help("write, for instance, `post: /api/things`"),
                );
                return None;
            }
            [(first, _), (second, _), ..] => {
                reader.diagnostics.push(
                    Diagnostic::error(DOOR_METHOD, "an HTTP door has one method")
                        .at(second.key.span, "second")
                        .at(first.key.span, "first"),
                );
                return None;
            }
        };
        let path = scalar::word(&entry.value, "the path", reader.diagnostics)?;
        check_path(&path, "body", reader)?;
        Some(Self {
            method: *method,
            path,
            mode,
            auth: optional(auth)?.unwrap_or(Auth::User),
            timeout: optional(timeout)?.unwrap_or(Duration::from_secs(60)),
            form: form?,
            attach: optional(attach)?,
        })
    }
}

/// Who may call.
pub(super) fn auth(node: &Node, reader: &mut Reader<'_>) -> Option<Auth> {
    scalar::choice(node, "`auth`", &AUTHS, reader.diagnostics)
}

/// A run of a door without a reply says nothing that could be joined, unless the door streams.
fn check_attach(http: &HttpDoor, reader: &mut Reader<'_>) {
    let Some(attach) = http.attach.as_ref().filter(|_| http.mode != Mode::Stream) else { return };
    reader.diagnostics.push(
        Diagnostic::error(NOTHING_TO_SHOW, "`attach` shows what a reply says, and there is none")
            .at(attach.span, "neither `reply` nor `mode: stream`")
            .help("add a `reply`, or leave it out: `/api/runs/ID/events` is there for every run"),
    );
}

/// Whether it can be the path of a route; what varies is given in the `instead` of a request.
pub(super) fn check_path(path: &Spanned<String>, instead: &str, reader: &mut Reader<'_>) -> Option<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let text = &path.value;
    let good =
        text.starts_with('/') && text.bytes().all(plain) && !text.contains("//") && !text.contains("/.");
    if !good {
        reader.diagnostics.push(
            Diagnostic::error(DOOR_PATH, format!("`{text}` cannot be the path of a door"))
                .at(path.span, "begins with `/`; letters, digits, `-`, `_`, `.`, `~`")
                .help(format!("give what varies in the {instead}")),
        );
    }
    good.then_some(())
}
