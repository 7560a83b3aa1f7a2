//! A walk over a schema as it was written: every keyword is known and has what it takes.
//!
//! The validator ignores what it does not know, so that `requierd` would check nothing; and it
//! names one problem at a time, by pointer. This names all, at their place.

use jsonschema::{Draft, ValidationOptions};

use super::instance::Native;
use super::keyword::{self, Takes};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Entry, Kind, Node, Span, Spanned};

const UNKNOWN_KEYWORD: Code = Code("PW0401");
pub(super) const MALFORMED: Code = Code("PW0402");
const UNKNOWN_FORMAT: Code = Code("PW0406");
const UNKNOWN_DRAFT: Code = Code("PW0408");
const NESTED_ID: Code = Code("PW0411");

/// Types by the names that schemas give them.
const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

const FORMATS: [&str; 17] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) draft: Draft,
    /// Every schema and subschema; the first is the root.
    pub(super) sites: Vec<Site>,
    /// Names that references may use, and the index of the site of each.
    pub(super) anchors: Vec<(String, usize)>,
    /// Regular expressions.
    pub(super) patterns: Vec<Spanned<String>>,
    /// Whether anything has a `default`.
    pub(super) has_default: bool,
    /// Whether anything is `writeOnly`.
    pub(super) has_secret: bool,
}

/// A schema or subschema.
#[derive(Debug)]
pub(super) struct Site {
    /// JSON Pointer to it.
    pub(super) pointer: String,
    pub(super) span: Span,
    /// Sites that the same value is held against.
    pub(super) in_place: Vec<usize>,
    /// References that the same value is held against.
    pub(super) references: Vec<Spanned<String>>,
    /// Where its `default` stands.
    pub(super) default: Option<Span>,
}

/// Walks over `root`.
pub(super) fn survey(
    root: &Node,
    options: &ValidationOptions<'_, std::sync::Arc<dyn jsonschema::Retrieve>, Native>,
    diagnostics: &mut Diagnostics,
) -> Survey {
    let mut surveyor = Surveyor {
        survey: Survey { draft: draft(root, diagnostics), ..Survey::default() },
        options,
        diagnostics,
    };
    surveyor.schema(root, "");
    surveyor.survey
}

/// Appends a key to a JSON Pointer.
pub(super) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn draft(root: &Node, diagnostics: &mut Diagnostics) -> Draft {
    let Some(uri) = root.get("$schema").and_then(Node::as_text) else { return Draft::default() };
    match Draft::from_schema_uri(&uri.value) {
        Draft::Unknown => {
            diagnostics.push(
                Diagnostic::error(UNKNOWN_DRAFT, format!("`{}` is no known draft of JSON Schema", uri.value))
                    .at(uri.span, "unknown draft")
                    .help("remove `$schema` or write `https://json-schema.org/draft/2020-12/schema`"),
            );
            Draft::default()
        }
        draft => draft,
    }
}

struct Surveyor<'a, 'o> {
    survey: Survey,
    options: &'a ValidationOptions<'o, std::sync::Arc<dyn jsonschema::Retrieve>, Native>,
    diagnostics: &'a mut Diagnostics,
}

impl Surveyor<'_, '_> {
    fn schema(&mut self, node: &Node, pointer: &str) -> usize {
        let index = self.survey.sites.len();
        self.survey.sites.push(Site {
            pointer: pointer.to_owned(),
            span: node.span,
            in_place: Vec::new(),
            references: Vec::new(),
            default: None,
        });
        match &node.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    self.keyword(entry, pointer, index);
                }
            }
            Kind::Bool(_) if self.survey.draft != Draft::Draft4 => {}
            other => self.malformed(
                node.span,
                format!("a schema must be a map, not {}", other.noun()),
                "no schema",
                None,
            ),
        }
        index
    }

    fn keyword(&mut self, entry: &Entry, pointer: &str, site: usize) {
        let name = entry.key.value.as_str();
        let Some(keyword) = keyword::find(name, self.survey.draft) else {
            if !name.starts_with("x-") {
                self.unknown(&entry.key);
            }
            return;
        };
        let at = join(pointer, name);
        let node = &entry.value;
        match name {
            "default" => {
                self.survey.has_default = true;
                if let Some(site) = self.survey.sites.get_mut(site) {
                    site.default = Some(node.span);
                }
            }
            "writeOnly" if node.kind == Kind::Bool(true) => self.survey.has_secret = true,
            _ => {}
        }
        match keyword.takes {
            Takes::SchemaInPlace => self.in_place(node, &at, site),
            Takes::Schema => _ = self.schema(node, &at),
            Takes::SchemaOrList if node.as_list().is_none() => _ = self.schema(node, &at),
            Takes::SchemaOrList | Takes::Schemas => {
                for (n, item) in self.list(name, node, "schemas").iter().enumerate() {
                    self.schema(item, &format!("{at}/{n}"));
                }
            }
            Takes::SchemasInPlace => {
                let items = self.list(name, node, "schemas");
                if items.is_empty() && node.as_list().is_some() {
                    self.malformed(
                        node.span,
                        format!("`{name}` must have at least one schema"),
                        "no schema",
                        None,
                    );
                }
                for (n, item) in items.iter().enumerate() {
                    self.in_place(item, &format!("{at}/{n}"), site);
                }
            }
            Takes::SchemaMap | Takes::Definitions => {
                for entry in self.map(name, node) {
                    self.schema(&entry.value, &join(&at, &entry.key.value));
                }
            }
            Takes::PatternMap => {
                for entry in self.map(name, node) {
                    self.survey.patterns.push(entry.key.clone());
                    self.schema(&entry.value, &join(&at, &entry.key.value));
                }
            }
            Takes::SchemaMapInPlace => {
                for entry in self.map(name, node) {
                    self.in_place(&entry.value, &join(&at, &entry.key.value), site);
                }
            }
            Takes::SchemaOrNamesMap => {
                for entry in self.map(name, node) {
                    match entry.value.as_list() {
                        Some(_) => self.names(&entry.key.value, &entry.value),
                        None => self.in_place(&entry.value, &join(&at, &entry.key.value), site),
                    }
                }
            }
            Takes::NamesMap => {
                for entry in self.map(name, node) {
                    self.names(&entry.key.value, &entry.value);
                }
            }
            Takes::Reference => {
                if let Some(text) = self.text(name, node)
                    && let Some(site) = self.survey.sites.get_mut(site)
                {
                    site.references.push(text);
                }
            }
            Takes::Anchor => {
                if let Some(text) = self.text(name, node) {
                    self.survey.anchors.push((text.value, site));
                }
            }
            Takes::Id => {
                if self.text(name, node).is_some() && site != 0 {
                    self.diagnostics.push(
                        Diagnostic::error(
                            NESTED_ID,
                            format!("`{name}` may stand at the top of a schema only"),
                        )
                        .at(entry.key.span, "not at the top")
                        .help("put the subschema under `$defs` and refer to it by `$ref: \"#/$defs/NAME\"`"),
                    );
                }
            }
            Takes::Pattern => {
                if let Some(text) = self.text(name, node) {
                    self.survey.patterns.push(text);
                }
            }
            Takes::Format => self.format(node),
            takes => self.scalar(name, node, takes),
        }
    }

    fn in_place(&mut self, node: &Node, pointer: &str, site: usize) {
        let child = self.schema(node, pointer);
        if let Some(site) = self.survey.sites.get_mut(site) {
            site.in_place.push(child);
        }
    }

    fn scalar(&mut self, name: &str, node: &Node, takes: Takes) {
        let wanted = match (takes, &node.kind) {
            (Takes::Names, _) => return self.names(name, node),
            (Takes::Types, _) => return self.types(node),
            (Takes::List, Kind::List(_))
            | (Takes::Text | Takes::Draft, Kind::Text(_))
            | (Takes::Flag, Kind::Bool(_))
            | (Takes::Number, Kind::Int(_) | Kind::Float(_))
            | (Takes::Anything, _) => return,
            (Takes::Count, Kind::Int(n)) if *n >= 0 => return,
            (Takes::Divisor, Kind::Int(n)) if *n > 0 => return,
            (Takes::Divisor, Kind::Float(n)) if *n > 0.0 => return,
            (Takes::List, _) => "a list",
            (Takes::Flag, _) => "`true` or `false`",
            (Takes::Count, _) => "a whole number that is not negative",
            (Takes::Number, _) => "a number",
            (Takes::Divisor, _) => "a number above 0",
            _ => "text",
        };
        self.wrong(name, node, wanted, None);
    }

    fn types(&mut self, node: &Node) {
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for item in items {
            match &item.kind {
                Kind::Text(text) if TYPES.contains(&text.value.as_str()) => {}
                Kind::Text(text) => self.diagnostics.push(
                    Diagnostic::error(MALFORMED, format!("`{}` is no type", text.value))
                        .at(item.span, "unknown type")
                        .help(format!("write one of `{}`", TYPES.join("`, `")))
                        .suggest(&text.value, TYPES),
                ),
                Kind::Null => self.wrong("type", item, "a type", Some("write `\"null\"` with quotes")),
                _ => self.wrong("type", item, "a type or a list of types", None),
            }
        }
    }

    fn names(&mut self, name: &str, node: &Node) {
        let Some(items) = node.as_list() else {
            let help = matches!(node.kind, Kind::Bool(_))
                .then_some("list the names of required properties in the `required` of their object");
            return self.wrong(name, node, "a list of property names", help);
        };
        let mut seen = std::collections::HashSet::new();
        for item in items {
            match item.as_text() {
                None => self.wrong(name, item, "a list of property names", None),
                Some(text) if !seen.insert(text.value.as_str()) => {
                    self.malformed(item.span, format!("`{}` is listed twice", text.value), "again", None);
                }
                Some(_) => {}
            }
        }
    }

    fn format(&mut self, node: &Node) {
        let Some(text) = self.text("format", node) else { return };
        if !self.options.is_known_format(self.survey.draft, &text.value) {
            let mut known: Vec<&str> = FORMATS.to_vec();
            known.retain(|name| self.options.is_known_format(self.survey.draft, name));
            self.diagnostics.push(
                Diagnostic::error(UNKNOWN_FORMAT, format!("`{}` is no known format", text.value))
                    .at(text.span, "unknown format")
                    .help(format!("write one of `{}`, or a `pattern`", known.join("`, `")))
                    .suggest(&text.value, known),
            );
        }
    }

    fn text(&mut self, name: &str, node: &Node) -> Option<Spanned<String>> {
        match node.as_text() {
            Some(text) => Some(Spanned::new(text.value.clone(), text.span)),
            None => {
                self.wrong(name, node, "text", None);
                None
            }
        }
    }

    fn list<'n>(&mut self, name: &str, node: &'n Node, of: &str) -> &'n [Node] {
        node.as_list().unwrap_or_else(|| {
            self.wrong(name, node, &format!("a list of {of}"), None);
            &[]
        })
    }

    fn map<'n>(&mut self, name: &str, node: &'n Node) -> &'n [Entry] {
        node.as_map().unwrap_or_else(|| {
            self.wrong(name, node, "a map of names to schemas", None);
            &[]
        })
    }

    fn wrong(&mut self, name: &str, node: &Node, wanted: &str, help: Option<&str>) {
        let message = format!("`{name}` must be {wanted}, not {}", node.kind.noun());
        self.malformed(node.span, message, format!("not {wanted}"), help);
    }

    fn malformed(&mut self, span: Span, message: String, label: impl Into<String>, help: Option<&str>) {
        let mut diagnostic = Diagnostic::error(MALFORMED, message).at(span, label);
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.diagnostics.push(diagnostic);
    }

    fn unknown(&mut self, key: &Spanned<String>) {
        let name = key.value.as_str();
        let draft = self.survey.draft;
        let message = if keyword::in_other_draft(name) {
            format!("`{name}` is no keyword of {}", keyword::draft_name(draft))
        } else {
            format!("`{name}` is no keyword of JSON Schema")
        };
        let diagnostic = Diagnostic::error(UNKNOWN_KEYWORD, message)
            .at(key.span, "unknown keyword")
            .help("remove it, or begin its name with `x-` if it is a note of your own");
        self.diagnostics.push(match keyword::instead_of(name) {
            Some(help) => diagnostic.help(help),
            None => diagnostic.suggest(name, keyword::of(draft).map(|keyword| keyword.name)),
        });
    }
}
