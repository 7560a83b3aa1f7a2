//! The schemas beside the pathways of this repository are those that the program prints.

use std::{env, fs};

use pathway_engine::reference::{Document, json_schema};

use crate::markdown::root;

#[test]
fn the_schemas_are_as_the_code_has_them() {
    for document in Document::ALL {
        let path = root().join(format!("schemas/{}.schema.json", document.name()));
        let text = format!("{:#}\n", json_schema(document));
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &text).unwrap();
        } else {
            let there = fs::read_to_string(&path).unwrap_or_default();
            assert!(there == text, "{} is old: write it anew with UPDATE_DOCS=1", path.display());
        }
    }
}
