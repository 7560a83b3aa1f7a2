//! Maps: their values, parts and unions.

use indexmap::IndexMap;
use minijinja::value::ValueKind;

use super::{Call, Definition, Undefined, required, scalar};
use crate::Value;
use crate::expression::eval::noun;

pub(super) const FILTERS: &[Definition] = &[
    Definition {
        name: "values",
        parameters: &[],
        about: "The values of a map, as a list.",
        examples: &[("{'a': 1, 'b': [2]} | values", "[1,[2]]")],
        undefined: Undefined::Refused,
        function: |call| Ok(Value::from(pairs(&call.input)?.map(|(_, value)| value).collect::<Vec<_>>())),
    },
    Definition {
        name: "merge",
        parameters: &[required("other")],
        about: "The map with the entries of `other` put in; those of `other` win.",
        examples: &[("{'a': 1, 'b': 2} | merge({'b': 3, 'c': 4})", r#"{"a":1,"b":3,"c":4}"#)],
        undefined: Undefined::Refused,
        function: |call| {
            let mut merged: IndexMap<Value, Value> = pairs(&call.input)?.collect();
            merged.extend(pairs(call.argument(0).unwrap_or(&Value::UNDEFINED))?);
            Ok(Value::from(merged))
        },
    },
    Definition {
        name: "pick",
        parameters: &[required("names")],
        about: "The map with the entries of these names only; a name or a list of names.",
        examples: &[
            ("{'a': 1, 'b': 2, 'c': 3} | pick(['c', 'a', 'x'])", r#"{"a":1,"c":3}"#),
            ("{'a': 1, 'b': 2} | pick('b')", r#"{"b":2}"#),
        ],
        undefined: Undefined::Refused,
        function: |call| chosen(call, true),
    },
    Definition {
        name: "omit",
        parameters: &[required("names")],
        about: "The map without the entries of these names.",
        examples: &[("{'a': 1, 'b': 2, 'c': 3} | omit(['c', 'a'])", r#"{"b":2}"#)],
        undefined: Undefined::Refused,
        function: |call| chosen(call, false),
    },
    Definition {
        name: "eq_filters",
        parameters: &[],
        about: "A map of PostgREST filters that the columns equal these values; none is `is.null`.",
        examples: &[(
            "{'user_id': 'u1', 'n': 2, 'active': true, 'category': none} | eq_filters",
            r#"{"user_id":"eq.u1","n":"eq.2","active":"eq.true","category":"is.null"}"#,
        )],
        undefined: Undefined::Refused,
        function: eq_filters,
    },
];

fn pairs(map: &Value) -> Result<impl Iterator<Item = (Value, Value)> + use<>, String> {
    let pairs = map.as_object().filter(|_| map.kind() == ValueKind::Map);
    pairs.and_then(|map| map.try_iter_pairs()).ok_or_else(|| format!("it needs a map, not {}", noun(map)))
}

fn chosen(call: &Call, wanted: bool) -> Result<Value, String> {
    let names = call.argument(0).cloned().unwrap_or_default();
    let names: Vec<Value> = match names.kind() {
        ValueKind::String => vec![names],
        ValueKind::Seq => names.try_iter().map_err(|error| error.to_string())?.collect(),
        _ => return Err(format!("it needs a name or a list of names, not {}", noun(&names))),
    };
    let names: std::collections::HashSet<Value> = names.into_iter().collect();
    let kept: IndexMap<Value, Value> =
        pairs(&call.input)?.filter(|(name, _)| names.contains(name) == wanted).collect();
    Ok(Value::from(kept))
}

fn eq_filters(call: &Call) -> Result<Value, String> {
    let filters = pairs(&call.input)?.map(|(name, value)| {
        let filter = if value.is_none() { "is.null".to_owned() } else { format!("eq.{}", scalar(&value)?) };
        Ok((name, Value::from(filter)))
    });
    filters.collect::<Result<IndexMap<Value, Value>, String>>().map(Value::from)
}
