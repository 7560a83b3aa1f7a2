//! A feed file: a topic's records, passed on to whoever may read them.

use std::sync::Arc;
use std::time::Duration;

use super::door::{AUTH_WORDS, auth, check_path};
use super::{Auth, Fields, Reader, scalar};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::{Expression, Tree};
use crate::reference::{Field, Object, Of, Takes};
use crate::schema::Schema;
use crate::source::{Node, Spanned};

const LONG_REPLAY: Code = Code("PW0251");

/// How long events are kept for readers that come back, where the feed does not say.
const REPLAY: Duration = Duration::from_secs(5 * 60);
/// The longest that it may say: every start reads so much of the topic.
const LONGEST_REPLAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Its fields.
pub(crate) static FEED: Object = Object::new(
    "feed",
    &[
        Field::required("feed", Takes::Name(Of::New), "its name"),
        Field::new("summary", Takes::Plain, "one line for people"),
        Field::required("topic", Takes::Name(Of::Topic), "the topic whose records it passes on"),
        Field::required("get", Takes::Plain, "path of its GET route"),
        Field::new("auth", Takes::Words(AUTH_WORDS), "who may call; `user` where nothing is said"),
        Field::new("query", Takes::Schema, "what the query must look like"),
        Field::new(
            "require",
            Takes::Condition,
            "whether a caller may read at all, by `query` and `auth`; else 403",
        ),
        Field::required("key", Takes::Expression, "whom a record is for, by `record`; none: nobody"),
        Field::required(
            "for",
            Takes::Expression,
            "the key whose records a caller gets, by `query` and `auth`",
        ),
        Field::new("data", Takes::Template, "what is said of a `record`; else its value"),
        Field::new("until", Takes::Condition, "whether a `record` is the last one that its readers get"),
        Field::new("replay", Takes::Duration, "how long events are kept for readers that come back"),
    ],
);

/// A feed as written, every part typed. A record goes to the callers whose `reader` is its `key`.
#[derive(Debug)]
pub struct Feed {
    /// Its name.
    pub name: Spanned<String>,
    /// One line.
    pub summary: Option<String>,
    /// The logical topic whose records it passes on.
    pub topic: Spanned<String>,
    /// Path of its `GET` route, beginning with `/`.
    pub path: Spanned<String>,
    /// Who may call.
    pub auth: Auth,
    /// What the query must look like.
    pub query: Option<Arc<Schema>>,
    /// Whether a caller may read at all, by `query` and `auth`.
    pub require: Option<Expression>,
    /// Whom a record is for; none: nobody.
    pub key: Expression,
    /// `for`: the key whose records a caller gets, by `query` and `auth`; none: refused.
    pub reader: Expression,
    /// What is said of a record; none: its value.
    pub data: Option<Tree>,
    /// Whether a record is the last one that its readers get.
    pub until: Option<Expression>,
    /// How long events are kept for readers that come back.
    pub replay: Duration,
    /// The hash of all that it says, once it is compiled.
    pub digest: Arc<str>,
}

impl Feed {
    /// Reads a file whose first key is `feed:`. All problems are reported; with an error among
    /// them there may be no feed.
    pub fn parse(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "the feed", reader.diagnostics)?;
        let name = fields
            .require("feed", reader.diagnostics)
            .and_then(|node| scalar::word(node, "`feed`", reader.diagnostics))
            .filter(|name| scalar::name(name, "a feed", reader.diagnostics));
        let summary = fields.take("summary").map(|node| scalar::word(node, "`summary`", reader.diagnostics));
        let topic = fields
            .require("topic", reader.diagnostics)
            .and_then(|node| scalar::word(node, "`topic`", reader.diagnostics));
        let path = fields
            .require("get", reader.diagnostics)
            .and_then(|node| scalar::word(node, "the path", reader.diagnostics))
            .filter(|path| check_path(path, "query", reader).is_some());
        let auth = fields.take("auth").map(|node| auth(node, reader));
        let query = fields.take("query").map(|node| reader.schema(node, "`query`"));
        let require = fields.take("require").map(|node| reader.condition(node, "`require`"));
        let key = fields.require("key", reader.diagnostics).and_then(|node| reader.optional(node, "`key`"));
        let whose = fields.require("for", reader.diagnostics).and_then(|node| reader.optional(node, "`for`"));
        let data = fields.take("data").map(|node| reader.tree(node));
        let until = fields.take("until").map(|node| reader.condition(node, "`until`"));
        let replay = fields.take("replay").map(|node| replay(node, reader));
        fields.finish(reader.diagnostics);
        Some(Self {
            name: name?,
            summary: summary.flatten().map(|text| text.value),
            topic: topic?,
            path: path?,
            auth: auth.flatten().unwrap_or(Auth::User),
            query: query.flatten(),
            require: require.flatten(),
            key: key?,
            reader: whose?,
            data: data.flatten(),
            until: until.flatten(),
            replay: replay.flatten().unwrap_or(REPLAY),
            digest: "".into(),
        })
    }
}

fn replay(node: &Node, reader: &mut Reader<'_>) -> Option<Duration> {
    let replay = scalar::duration(node, "`replay`", reader.diagnostics)?;
    if replay > LONGEST_REPLAY {
        reader.diagnostics.push(
            Diagnostic::error(LONG_REPLAY, "a feed keeps its events for a day at most")
                .at(node.span, "longer than `24h`")
                .help("let readers that were away for longer ask for what there is"),
        );
    }
    Some(replay)
}
