//! The keys and words of the tables are those that the readers know.

use std::collections::{BTreeMap, BTreeSet};

use pathway_engine::diagnostic::Code;
use pathway_engine::reference::{Document, Field, Takes};
use serde_json::{Value as Json, json};

use crate::corpus::{Project, data, document, is_sound, projects, validator};
use crate::support::{Compiled, compile_files};

const UNKNOWN_KEY: Code = Code("PW0202");
const UNKNOWN_WORD: Code = Code("PW0207");

const COMPENSATION: &str = "step that undoes another";
const CALL: &str = "call of a service";

/// A map whose keys are given, and where it stands.
struct Place {
    pointer: String,
    title: String,
    keys: BTreeSet<&'static str>,
    /// Whether it is read where it stands, and not by those that name it.
    is_read: bool,
}

#[test]
fn keys_are_those_that_the_readers_know() {
    let mut read: BTreeMap<String, (BTreeSet<&str>, BTreeSet<String>)> = BTreeMap::new();
    for_each_sound_file(|files, name, kind, data| {
        let mut places = Vec::new();
        maps(Takes::Object(kind.object()), data, "", &mut places);
        let mut with_all = data.clone();
        let validator = validator(kind);
        for (n, place) in places.iter().enumerate() {
            insert(&mut with_all, &place.pointer, &format!("zzzzzz{n}"));
            let mut with_one = data.clone();
            insert(&mut with_one, &place.pointer, "zzzzzz");
            assert!(
                !validator.is_valid(&with_one),
                "{name}: the schema admits any key at `{}`",
                place.pointer
            );
        }
        let compiled = replaced(files, name, &with_all);
        for (n, place) in places.iter().enumerate() {
            let known = told(&compiled, UNKNOWN_KEY, &format!("`zzzzzz{n}`"));
            if known.is_empty() {
                assert!(!place.is_read, "{name}: any key is read at `{}` ({})", place.pointer, place.title);
                continue;
            }
            let unlisted: Vec<_> = known.iter().filter(|key| !place.keys.contains(key.as_str())).collect();
            // Known, and refused when they are there.
            let refused: &[&str] = match place.title.as_str() {
                COMPENSATION => &["needs", "fail"],
                CALL => &["service"],
                _ => &[],
            };
            let is_less = unlisted.iter().all(|key| refused.contains(&key.as_str()));
            assert!(is_less, "{name}: `{}` lacks {unlisted:?}", place.pointer);
            let entry = read.entry(place.title.clone()).or_default();
            entry.0.extend(&place.keys);
            entry.1.extend(known);
        }
    });
    let mut all = BTreeMap::new();
    for document in Document::ALL {
        reachable(Takes::Object(document.object()), &mut all);
    }
    let mut wrong = Vec::new();
    for (title, keys) in all {
        let Some((_, known)) = read.get(&title) else {
            wrong.push(format!("no file has the map `{title}`"));
            continue;
        };
        let surplus: Vec<_> = keys.iter().filter(|key| !known.contains(**key)).collect();
        if !surplus.is_empty() {
            wrong.push(format!("`{title}` has {surplus:?}, which its reader does not know"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn words_are_those_that_the_readers_know() {
    let mut seen = BTreeSet::new();
    for_each_sound_file(|files, name, kind, data| {
        let mut places = Vec::new();
        words(Takes::Object(kind.object()), data, "", &mut places);
        for (pointer, listed) in places {
            let mut other = data.clone();
            *other.pointer_mut(&pointer).unwrap() = json!("zzzzzz");
            let known = told(&replaced(files, name, &other), UNKNOWN_WORD, "`zzzzzz`");
            let listed: BTreeSet<String> = listed.into_iter().map(str::to_owned).collect();
            assert_eq!(known, listed, "{name}, {pointer}");
            seen.insert(listed);
        }
    });
    let mut all = BTreeSet::new();
    for document in Document::ALL {
        every(Takes::Object(document.object()), &mut BTreeSet::new(), &mut |takes| {
            if let Takes::Words(words) = takes {
                all.insert(words.iter().map(|word| word.0.to_owned()).collect::<BTreeSet<_>>());
            }
        });
    }
    let alone = ["continue", "embedded"].map(|word| BTreeSet::from([word.to_owned()]));
    let unseen: Vec<_> = all.difference(&seen).filter(|words| !alone.contains(words)).collect();
    assert!(unseen.is_empty(), "no file has one of {unseen:?}");
}

fn for_each_sound_file(mut look: impl FnMut(&Project, &str, Document, &Json)) {
    for (_, files) in projects() {
        let compiled = compile_files(&files);
        if compiled.diagnostics.has_errors() {
            continue;
        }
        for (name, text) in files.iter().filter(|(name, _)| is_sound(&compiled, name)) {
            let (Some(kind), Some(data)) = (document(name, text), data(text)) else { continue };
            if data.is_object() {
                look(&files, name, kind, &data);
            }
        }
    }
}

/// The project with other data in one of its files.
fn replaced(files: &Project, name: &str, data: &Json) -> Compiled {
    let mut files = files.clone();
    files.iter_mut().find(|(it, _)| it == name).unwrap().1 = data.to_string();
    compile_files(&files)
}

/// The names that the message of that code about `what` lists.
fn told(compiled: &Compiled, code: Code, what: &str) -> BTreeSet<String> {
    let all = compiled.diagnostics.iter().filter(|it| it.code == code && it.message.ends_with(what));
    let help = all.filter_map(|it| it.help.as_deref());
    let names = help.flat_map(|help| help.split('`').skip(1).step_by(2).map(str::to_owned));
    names.collect()
}

fn insert(data: &mut Json, pointer: &str, key: &str) {
    let map = data.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
    map.insert(key.to_owned(), json!(1));
}

/// The alternative of `takes` that a map with these keys is.
fn alternative(takes: Takes, data: &Json) -> Takes {
    let Takes::OneOf(several) = takes else {
        return match takes {
            Takes::OrNothing(inner) => alternative(*inner, data),
            other => other,
        };
    };
    let fits = |one: &Takes| match data {
        Json::Object(map) => map.keys().all(|key| one.under(key).is_some()),
        Json::Array(_) => one.item().is_some(),
        _ => one.keys().is_empty(),
    };
    several.iter().find(|one| fits(one)).map_or(Takes::Data, |one| alternative(*one, data))
}

/// All maps in `data` whose keys are given.
fn maps(takes: Takes, data: &Json, pointer: &str, found: &mut Vec<Place>) {
    let takes = alternative(takes, data);
    match data {
        Json::Object(map) => {
            let keys = takes.keys();
            let is_open = match takes {
                Takes::Object(object) => object.others.is_some(),
                Takes::Pattern => true,
                _ => keys.is_empty(),
            };
            // What is said of a request by matchers is no request.
            if !is_open && !map.keys().any(|key| key.starts_with('$')) {
                found.push(Place {
                    pointer: pointer.to_owned(),
                    title: title(takes),
                    keys: keys.iter().map(|field| field.name).collect(),
                    is_read: !matches!(takes, Takes::Call) && !map.is_empty(),
                });
            }
            for (key, value) in map {
                if let Some(takes) = takes.under(key) {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    maps(takes, value, &format!("{pointer}/{escaped}"), found);
                }
            }
        }
        Json::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                if let Some(takes) = takes.item() {
                    maps(takes, item, &format!("{pointer}/{n}"), found);
                }
            }
        }
        _ => {}
    }
}

/// All texts in `data` that are one of some words, with these.
fn words(takes: Takes, data: &Json, pointer: &str, found: &mut Vec<(String, Vec<&'static str>)>) {
    let takes = alternative(takes, data);
    match (takes, data) {
        (Takes::Words(words), Json::String(_)) if words.len() > 1 || words[0].0 == "producers" => {
            found.push((pointer.to_owned(), words.iter().map(|word| word.0).collect()));
        }
        // Read where a step calls the service.
        (Takes::Call, _) => {}
        (_, Json::Object(map)) => {
            for (key, value) in map {
                if let Some(takes) = takes.under(key) {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    words(takes, value, &format!("{pointer}/{escaped}"), found);
                }
            }
        }
        (_, Json::Array(items)) => {
            for (n, item) in items.iter().enumerate() {
                if let Some(takes) = takes.item() {
                    words(takes, item, &format!("{pointer}/{n}"), found);
                }
            }
        }
        _ => {}
    }
}

/// By which maps are told apart.
fn title(takes: Takes) -> String {
    match takes {
        Takes::Step => "step of a block".to_owned(),
        Takes::Compensation => COMPENSATION.to_owned(),
        Takes::Call => CALL.to_owned(),
        takes => {
            let mut keys: Vec<_> = takes.keys().iter().map(|field| field.name).collect();
            keys.sort_unstable();
            format!("{takes}: {}", keys.join(" "))
        }
    }
}

/// All maps whose keys are given and closed.
fn reachable(takes: Takes, found: &mut BTreeMap<String, Vec<&'static str>>) {
    every(takes, &mut BTreeSet::new(), &mut |takes| {
        let is_open = match takes {
            Takes::Object(object) => object.others.is_some() || object.title == "matchers",
            Takes::Step | Takes::Compensation => false,
            _ => true,
        };
        if !is_open {
            found.insert(title(takes), takes.keys().iter().map(|field| field.name).collect());
        }
    });
}

/// Everything that can stand below `takes`.
fn every(takes: Takes, seen: &mut BTreeSet<String>, look: &mut impl FnMut(Takes)) {
    look(takes);
    match takes {
        Takes::OneOf(several) => several.iter().for_each(|one| every(*one, seen, look)),
        Takes::OrNothing(one) | Takes::List(one) | Takes::Map(one) => every(*one, seen, look),
        Takes::Steps => every(Takes::Step, seen, look),
        Takes::Pattern => {}
        takes => {
            let keys: Vec<Field> = takes.keys();
            if !keys.is_empty() && seen.insert(title(takes)) {
                keys.iter().for_each(|field| every(field.takes, seen, look));
            }
        }
    }
}
