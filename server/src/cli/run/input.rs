//! The input of a run, from files and flags.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use pathway_engine::Value;
use pathway_engine::value::{from_json, from_serde};
use serde_json::Value as Json;

use super::super::{Exit, Failure};

/// Bytes of an input: what a record may have.
const LARGEST: u64 = 16 << 20;
/// Items of a list that `--set` may count to.
const LONGEST: usize = 1000;

/// The input: of a file, of standard input or `{}`, with values set.
pub(super) fn read(file: Option<&Path>, settings: &[String]) -> Result<Value, Failure> {
    let mut input = match file {
        Some(path) => document(path)?,
        None => Json::Object(serde_json::Map::new()),
    };
    for setting in settings {
        set(&mut input, setting)?;
    }
    Ok(from_serde(&input))
}

/// A file of JSON or YAML.
fn document(path: &Path) -> Result<Json, Failure> {
    let bytes = content(path, "input")?;
    let is_json = path.extension().is_some_and(|extension| extension == "json")
        || bytes
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_some_and(|byte| matches!(byte, b'{' | b'['));
    match from_json(&bytes) {
        Ok(value) => Ok(pathway_engine::value::to_serde(&value)),
        // What looks like JSON may still be YAML's flow style.
        Err(error) => serde_yaml::from_slice(&bytes).map_err(|yaml| {
            let (form, error) =
                if is_json { ("JSON", error.to_string()) } else { ("YAML", yaml.to_string()) };
            let name = named(path);
            Failure::new(Exit::Usage, format!("the input, {name}, is not {form}: {error}"))
        }),
    }
}

/// What a file holds that is to say something.
pub(super) fn content(path: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    let name = named(path);
    let wrong = |message: String| Failure::new(Exit::Usage, message);
    let bytes = bytes(path).map_err(|error| wrong(format!("the {what}, {name}, was not read: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("the {what}, {name}, is larger than {} MiB", LARGEST >> 20)));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(wrong(format!("the {what}, {name}, is empty")).help("leave it out, or write `{}`"));
    }
    Ok(bytes)
}

/// How a file is called.
pub(super) fn named(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { format!("`{}`", path.display()) }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Sets `a.b=value`: maps that are missing are made, a number is a place of a list.
fn set(input: &mut Json, setting: &str) -> Result<(), Failure> {
    let wrong = |message: &str| {
        Failure::new(Exit::Usage, format!("`--set {setting}`: {message}"))
            .help("write a path and a value, such as `--set user.id=7`")
    };
    let (path, text) = setting.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
    let mut at = input;
    for name in path.split('.') {
        if name.is_empty() {
            return Err(wrong("a name of the path is empty"));
        }
        if at.is_null() {
            *at = Json::Object(serde_json::Map::new());
        }
        at = match at {
            Json::Object(map) => map.entry(name).or_insert(Json::Null),
            Json::Array(list) => {
                let index: usize =
                    name.parse().map_err(|_| wrong(&format!("`{name}` is no place of a list")))?;
                if index > list.len() || index >= LONGEST {
                    return Err(wrong(&format!("the list has only {} items", list.len())));
                }
                if index == list.len() {
                    list.push(Json::Null);
                }
                list.get_mut(index).ok_or_else(|| wrong("there is no such item"))?
            }
            _ => return Err(wrong(&format!("what `{name}` is to be set in is not a map"))),
        };
    }
    *at = scalar(text).ok_or_else(|| wrong("the value is neither JSON nor YAML"))?;
    Ok(())
}

/// A YAML scalar, or a list or map that is written in brackets.
fn scalar(text: &str) -> Option<Json> {
    let value: Option<Json> = serde_yaml::from_str(text).ok();
    if text.trim_start().starts_with(['[', '{']) {
        return value;
    }
    // `a: b` and the like are text here.
    Some(value.filter(|value| !value.is_object() && !value.is_array()).unwrap_or_else(|| Json::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set_all(settings: &[&str]) -> Json {
        let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
        pathway_engine::value::to_serde(&read(None, &settings).unwrap())
    }

    #[test]
    fn values_are_yaml_scalars() {
        let input =
            set_all(&["a=1", "b=true", "c=yes", "d='1'", "e=", "f=x: y", "g=a=b", "h=1.5", "i=2026-01-02"]);
        let expected = json!({"a": 1, "b": true, "c": "yes", "d": "1", "e": null, "f": "x: y", "g": "a=b", "h": 1.5, "i": "2026-01-02"});
        assert_eq!(input, expected);
    }

    #[test]
    fn paths_lead_into_maps_and_lists() {
        assert_eq!(
            set_all(&["a.b.c=1", "a.b.d=2", "l=[1]", "l.0=5", "l.1=6"]),
            json!({"a": {"b": {"c": 1, "d": 2}}, "l": [5, 6]})
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for setting in ["a", "=1", "a..b=1", "a=[1", "l.x=1", "l.7=1", "s.t=1"] {
            let settings = ["l=[]".to_owned(), "s=1".to_owned(), setting.to_owned()];
            assert!(read(None, &settings).is_err(), "{setting}");
        }
    }
}
