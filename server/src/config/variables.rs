//! The variables that `${NAME}` may name: those of `.env`, and over them the environment's.
//!
//! `NAME_FILE` gives the value of `NAME` from a file. Such a file is read only when something
//! names `NAME`: the environment is full of variables that merely look like that.

use std::collections::{BTreeMap, btree_map};
use std::path::{Path, PathBuf};

use pathway_engine::diagnostic::{Code, Diagnostic, Diagnostics};
use pathway_engine::expression::{Variable, Variables};
use pathway_engine::project::{MASK, has_password, mask_password, references};

use super::files::read_text;
use super::origin::Origin;
use super::secrets::{is_secret, is_secret_name};

const BOTH: Code = Code("PW0624");
const UNREADABLE: Code = Code("PW0630");

/// Variables and where they came from.
#[derive(Default)]
pub(super) struct Table {
    set: BTreeMap<String, Held>,
    files: BTreeMap<String, PathBuf>,
}

struct Held {
    value: String,
    secret: bool,
    origin: Origin,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Table {
    /// Takes in one layer over those before it. A path in a `NAME_FILE` is relative to `folder`.
    pub(super) fn add_layer(
        &mut self,
        layer: impl IntoIterator<Item = (String, String, Origin)>,
        folder: &Path,
        diagnostics: &mut Diagnostics,
    ) {
        let layer: BTreeMap<_, _> =
            layer.into_iter().map(|(name, value, origin)| (name, (value, origin))).collect();
        for (name, (path, _)) in &layer {
            let Some(base) = name.strip_suffix("_FILE").filter(|base| !base.is_empty() && !path.is_empty())
            else {
                continue;
            };
            if layer.contains_key(base) {
                if is_secret_name(base) {
                    diagnostics.push(
                        Diagnostic::error(BOTH, format!("both `{base}` and `{name}` are set"))
                            .help("unset one of them"),
                    );
                }
            } else {
                self.set.remove(base);
                self.files.insert(base.to_owned(), folder.join(path));
            }
        }
        for (name, (value, origin)) in layer {
            self.set(&name, &value, origin);
        }
    }

    /// Sets one variable, over all layers.
    pub(super) fn set(&mut self, name: &str, value: &str, origin: Origin) {
        self.files.remove(name);
        let secret = is_secret(name, value);
        self.set.insert(name.to_owned(), Held { value: value.to_owned(), secret, origin });
    }

    /// Reads the files that give the variables which `text` names.
    pub(super) fn mention(&mut self, text: &str, diagnostics: &mut Diagnostics) {
        for name in references(text) {
            if let btree_map::Entry::Occupied(entry) = self.files.entry(name.to_owned()) {
                let (name, path) = entry.remove_entry();
                match read_text(&path) {
                    Ok(text) => {
                        let value = text
                            .strip_suffix('\n')
                            .map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
                        let origin = Origin::NamedFile(format!("{name}_FILE"));
                        self.set.insert(name, Held { value: value.to_owned(), secret: true, origin });
                    }
                    Err(error) => diagnostics.push(
                        Diagnostic::error(
                            UNREADABLE,
                            format!(
                                "the file `{}` that `{name}_FILE` names was not read: {error}",
                                path.display()
                            ),
                        )
                        .help(format!("make it readable, or set `{name}` itself")),
                    ),
                }
            }
        }
    }

    /// Whether `name` is set, and secret.
    pub(super) fn get(&self, name: &str) -> Option<(&str, bool)> {
        self.set.get(name).map(|held| (held.value.as_str(), held.secret))
    }

    pub(super) fn origin(&self, name: &str) -> Option<&Origin> {
        self.set.get(name).map(|held| &held.origin)
    }

    /// Names that are set or that a file would set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.set.keys().chain(self.files.keys()).map(String::as_str)
    }

    /// What the engine sees.
    pub(super) fn variables(&self) -> Variables {
        self.map(|_, held| Variable { value: held.value.clone(), secret: held.secret })
    }

    /// What may be shown: secrets are masked.
    pub(super) fn masked(&self) -> Variables {
        self.map(|name, held| {
            let hides_more = is_secret_name(name) || matches!(held.origin, Origin::NamedFile(_));
            let value = match held {
                Held { secret: false, value, .. } => value.clone(),
                Held { value, .. } if value.is_empty() => String::new(),
                Held { value, .. } if has_password(value) && !hides_more => mask_password(value),
                _ => MASK.to_owned(),
            };
            Variable { value, secret: false }
        })
    }

    fn map(&self, variable: impl Fn(&str, &Held) -> Variable) -> Variables {
        let mut variables = Variables::new();
        for (name, held) in &self.set {
            variables.set(name.as_str(), variable(name, held));
        }
        variables
    }
}
