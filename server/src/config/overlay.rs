//! Layers over the project file: `PATHWAY_…` variables and flags.
//!
//! `PATHWAY_BUS__KAFKA__GROUP` is `bus.kafka.group`. What such a variable holds is put into the
//! tree as `${PATHWAY_BUS__KAFKA__GROUP}`, so it is read as that of any other variable: typed
//! as its place asks, never as a template, and secret if the variable is.

use pathway_engine::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use pathway_engine::project::{MASK, Project, typed};
use pathway_engine::source::{self, Entry, FileId, Kind, Node, Sources, Span, Spanned, Text};

use super::origin::{Origin, Origins};
use super::variables::Table;

const NO_SETTING: Code = Code("PW0625");
const BAD_FLAG: Code = Code("PW0626");

const PREFIX: &str = "PATHWAY_";
/// Variables with the prefix that are no settings of the project.
const OTHERS: [&str; 4] = ["PATHWAY_LOG", "PATHWAY_PROJECT", "PATHWAY_SEAL_KEYS", "PATHWAY_ADMIN_TOKEN"];
/// Variables by which a cluster tells of a service that is called `pathway`.
const CLUSTER: [&str; 2] = ["PATHWAY_SERVICE_", "PATHWAY_PORT"];

/// What layers are laid over, and what they need.
pub(super) struct Overlay<'a> {
    pub(super) tree: &'a mut Node,
    pub(super) sources: &'a mut Sources,
    pub(super) origins: &'a mut Origins,
    pub(super) diagnostics: &'a mut Diagnostics,
}

/// A text of [`Sources`] that holds `key=value`, and where each stands.
struct Place {
    key: Span,
    value: Span,
}

impl Overlay<'_> {
    /// Lays the variables that name settings over the tree.
    pub(super) fn variables(&mut self, table: &mut Table) {
        let names: Vec<String> =
            table.names().filter(|name| name.starts_with(PREFIX)).map(str::to_owned).collect();
        for name in names {
            if let Some(path) = self.setting(&name) {
                table.mention(&format!("${{{name}}}"), self.diagnostics);
                self.lay(&path, &name, &name, table);
            }
        }
    }

    /// Lays `key.path=value` over the tree, by way of the variable that would do the same.
    pub(super) fn flag(&mut self, flag: &str, table: &mut Table) {
        let Some((key, value)) =
            flag.split_once('=').filter(|(key, _)| key.split('.').all(|s| !s.is_empty()))
        else {
            self.diagnostics.push(
                Diagnostic::error(BAD_FLAG, "a setting on the command line sets nothing")
                    .help("write the path of a setting and its value, such as `max_runs=8`"),
            );
            return;
        };
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        let letters = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name: String = format!("{PREFIX}{}", path.join("__")).chars().map(letters).collect();
        table.set(&name, value, Origin::Flag);
        self.lay(&path, key, &name, table);
    }

    /// Puts what the variable `name` holds at `path`; `key` is what it is called where it is set.
    fn lay(&mut self, path: &[String], key: &str, name: &str, table: &Table) {
        let (Some((value, secret)), Some(origin)) = (table.get(name), table.origin(name)) else { return };
        let shown = if secret { MASK } else { value };
        let place = self.place(key, shown, origin.clone());
        let kind = if secret { None } else { self.yaml(path, value, &place) };
        let reference = || Kind::Text(Text::opaque(format!("${{{name}}}"), place.value));
        self.set(path, Node { span: place.value, kind: kind.unwrap_or_else(reference) }, place.key);
    }

    /// The path of the setting that the variable `name` is meant for.
    fn setting(&mut self, name: &str) -> Option<Vec<String>> {
        let others = OTHERS.contains(&name) || CLUSTER.iter().any(|prefix| name.starts_with(prefix));
        if others || name.ends_with("_FILE") {
            return None;
        }
        let path: Vec<String> =
            name.strip_prefix(PREFIX)?.to_lowercase().split("__").map(str::to_owned).collect();
        let first = path.first()?.as_str();
        if Project::keys().any(|key| key == first) {
            return path.iter().all(|segment| !segment.is_empty()).then_some(path);
        }
        if let Some(close) = did_you_mean(first, Project::keys()) {
            let meant = name.to_lowercase().replacen(first, close, 1).to_uppercase();
            self.diagnostics.push(
                Diagnostic::warning(NO_SETTING, format!("the variable `{name}` sets nothing"))
                    .help(format!("did you mean `{meant}`?")),
            );
        }
        None
    }

    /// Adds `key=value` to the sources, on the line where it stands in its file if it does.
    fn place(&mut self, key: &str, value: &str, origin: Origin) -> Place {
        let (path, above) = match &origin {
            Origin::Line { file, line } => (file.as_str(), line.saturating_sub(1)),
            Origin::Flag => ("flag", 0),
            _ => ("environment", 0),
        };
        let text = format!("{}{key}={value}", "\n".repeat(above));
        let file = self.sources.add(path, text);
        let begin = above + key.len() + 1;
        let place = Place {
            key: Span::new(file, above, begin - 1),
            value: Span::new(file, begin, begin + value.len()),
        };
        self.origins.set(file, origin);
        place
    }

    /// What YAML makes of `value`, where that matters: a list or map, and a scalar at a place
    /// that any type may stand at.
    fn yaml(&mut self, path: &[String], value: &str, place: &Place) -> Option<Kind> {
        if value.starts_with('[') || (value.starts_with('{') && !value.starts_with("{{")) {
            let name = self.sources.path(place.value.file).to_owned();
            let file = self.sources.add(name, value);
            self.origins.set(file, self.origins.of(place.value, self.sources));
            return source::parse(self.sources, file, source::Limits::default(), self.diagnostics)
                .map(|node| node.kind);
        }
        let any =
            path.first().is_some_and(|first| first == "vars") || path.get(2).is_some_and(|s| s == "http");
        typed(value).filter(|_| any)
    }

    /// Sets the value at `path`, making the maps that lead there.
    fn set(&mut self, path: &[String], value: Node, key: Span) {
        let mut node = &mut *self.tree;
        for segment in path {
            if !matches!(node.kind, Kind::Map(_)) {
                *node = Node { span: key, kind: Kind::Map(Vec::new()) };
            }
            let Kind::Map(entries) = &mut node.kind else { return };
            let found = entries.iter().position(|entry| is_same(&entry.key.value, segment));
            let index = found.unwrap_or(entries.len());
            if found.is_none() {
                let empty = Node { span: key, kind: Kind::Null };
                entries.push(Entry { key: Spanned::new(segment.clone(), key), value: empty });
            }
            let Some(entry) = entries.get_mut(index) else { return };
            node = &mut entry.value;
        }
        *node = value;
    }
}

/// Variables have neither case nor `-` nor `.`.
fn is_same(key: &str, segment: &str) -> bool {
    key == segment || key.to_lowercase().replace(['-', '.'], "_") == segment
}

/// `over` laid over `base`: maps are merged in depth, all else is replaced.
pub(super) fn merge(base: Node, over: Node) -> Node {
    let (mut entries, above) = match (base.kind, over.kind) {
        (Kind::Map(entries), Kind::Map(above)) => (entries, above),
        (_, kind) => return Node { span: over.span, kind },
    };
    for Entry { key, value } in above {
        match entries.iter_mut().find(|entry| entry.key.value == key.value) {
            Some(entry) => {
                let below = std::mem::replace(&mut entry.value, Node { span: value.span, kind: Kind::Null });
                *entry = Entry { key, value: merge(below, value) };
            }
            None => entries.push(Entry { key, value }),
        }
    }
    Node { span: over.span, kind: Kind::Map(entries) }
}

/// An empty map that stands at the beginning of `file`.
pub(super) fn empty(file: FileId) -> Node {
    Node { span: Span::new(file, 0, 0), kind: Kind::Map(Vec::new()) }
}
