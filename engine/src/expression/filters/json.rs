//! JSON in text.

use serde::Deserialize;

use super::{Call, Definition, Undefined, optional, text};
use crate::Value;
use crate::value::{from_json, to_json, too_deep};

pub(super) const FILTERS: &[Definition] = &[
    Definition {
        name: "find_json",
        parameters: &[optional("kind", "'object'")],
        about: "The first JSON object, or `array`, in a text, whatever stands around it; none if there is none.",
        examples: &[
            ("'Sure: ```json\\n{\"food\": 40}\\n``` Enjoy {it}!' | find_json", r#"{"food":40}"#),
            ("'{x} then [1, 2]' | find_json('array')", "[1,2]"),
            ("'nothing' | find_json", "null"),
        ],
        undefined: Undefined::Refused,
        function: find,
    },
    Definition {
        name: "from_json",
        parameters: &[],
        about: "The value that a JSON text says.",
        examples: &[(r#"'{"a": [1, 2.0, null]}' | from_json"#, r#"{"a":[1,2.0,null]}"#)],
        undefined: Undefined::Refused,
        function: |call| {
            from_json(text(&call.input)?.as_bytes()).map_err(|error| format!("the text is not JSON: {error}"))
        },
    },
    Definition {
        name: "to_json",
        parameters: &[],
        about: "The value as compact JSON, keys in their order.",
        examples: &[(
            "{'b': 1, 'a': [1.0, none, 'é\"']} | to_json",
            r#""{\"b\":1,\"a\":[1.0,null,\"é\\\"\"]}""#,
        )],
        undefined: Undefined::Refused,
        function: |call| Ok(Value::from(to_json(&call.input))),
    },
];

/// Places at which a search tries to read JSON.
const MAX_ATTEMPTS: usize = 10_000;

fn find(call: &Call) -> Result<Value, String> {
    let text = text(&call.input)?;
    let open = match call.text(0)?.unwrap_or("object") {
        "object" => '{',
        "array" => '[',
        other => return Err(format!("`{other}` is not `object` or `array`")),
    };
    for (start, _) in text.match_indices(open).take(MAX_ATTEMPTS) {
        let mut reader = serde_json::Deserializer::from_str(text.get(start..).unwrap_or(""));
        if let Ok(value) = Value::deserialize(&mut reader)
            && !too_deep(&value)
        {
            return Ok(value);
        }
    }
    Ok(Value::from(()))
}
