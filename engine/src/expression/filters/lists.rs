//! Lists of rows: take a column, add up, group.

use indexmap::IndexMap;
use minijinja::value::ValueKind;

use super::numbers::{Number, number};
use super::{Call, Definition, Undefined, optional, required};
use crate::Value;
use crate::expression::text;

pub(super) const FILTERS: &[Definition] = &[
    Definition {
        name: "pluck",
        parameters: &[required("name"), optional("default", "none")],
        about: "The property `name` of every item; `default` where it is missing or none.",
        examples: &[
            ("[{'amount': 3}, {}, {'amount': none}] | pluck('amount', 0)", "[3,0,0]"),
            ("[{'amount': 3}, {'amount': false}] | pluck('amount')", "[3,false]"),
        ],
        undefined: Undefined::Refused,
        function: pluck,
    },
    Definition {
        name: "sum",
        parameters: &[optional("attribute", "none")],
        about: "The sum of the items, or of a property of theirs; none and what is no number count as 0.",
        examples: &[
            ("[1, 2.5, '3', none, 'x'] | sum", "6.5"),
            ("[1, 2] | sum", "3"),
            ("[] | sum", "0"),
            ("[{'amount': 1}, {}] | sum('amount')", "1"),
        ],
        undefined: Undefined::Refused,
        function: |call| {
            let mut sum = Sum::default();
            for item in call.items()? {
                sum.add(&property(item, call.argument(0)));
            }
            sum.total()
        },
    },
    Definition {
        name: "mean",
        parameters: &[optional("attribute", "none")],
        about: "The mean of the items, or of a property of theirs; counts as `sum` does; 0 of none.",
        examples: &[("[1, 2, none] | mean", "1.0"), ("[] | mean", "0"), ("['4', 5] | mean", "4.5")],
        undefined: Undefined::Refused,
        function: |call| {
            let mut sum = Sum::default();
            for item in call.items()? {
                sum.add(&property(item, call.argument(0)));
            }
            sum.mean()
        },
    },
    Definition {
        name: "sum_by",
        parameters: &[required("key"), required("value")],
        about: "A map from each value of `key` to the sum of `value`, in order of appearance; a missing key counts as `none`.",
        examples: &[(
            "[{'c': 'food', 'a': 1}, {'c': 'rent', 'a': 5}, {'c': 'food', 'a': '2'}, {'a': 3}] | sum_by('c', 'a')",
            r#"{"food":3,"rent":5,"none":3}"#,
        )],
        undefined: Undefined::Refused,
        function: |call| grouped(call, |sum| sum.total()),
    },
    Definition {
        name: "mean_by",
        parameters: &[required("key"), required("value")],
        about: "As `sum_by`, with means.",
        examples: &[(
            "[{'c': 'food', 'a': 1}, {'c': 'food', 'a': 2}, {'c': none, 'a': 4}] | mean_by('c', 'a')",
            r#"{"food":1.5,"none":4.0}"#,
        )],
        undefined: Undefined::Refused,
        function: |call| grouped(call, |sum| sum.mean()),
    },
    Definition {
        name: "join",
        parameters: &[optional("separator", "''"), optional("attribute", "none")],
        about: "The items, or a property of theirs, as one text; each is written as a template writes it.",
        examples: &[
            ("['a', 1, true] | join(', ')", r#""a, 1, true""#),
            ("[{'n': 'x'}, {'n': 'y'}] | join('/', 'n')", r#""x/y""#),
            ("{'a': 1, 'b': 2} | join(',')", r#""a,b""#),
        ],
        undefined: Undefined::Refused,
        function: join,
    },
];

/// `item`, or its property `name`; none where there is none.
fn property(item: Value, name: Option<&Value>) -> Value {
    match name.filter(|name| !name.is_none()) {
        None => item,
        Some(name) => match item.get_item(name) {
            Ok(value) if !value.is_undefined() => value,
            _ => Value::from(()),
        },
    }
}

fn pluck(call: &Call) -> Result<Value, String> {
    let default = call.argument(1).cloned().unwrap_or(Value::from(()));
    let plucked: Vec<Value> = call
        .items()?
        .map(|item| match property(item, call.argument(0)) {
            value if value.is_none() => default.clone(),
            value => value,
        })
        .collect();
    Ok(Value::from(plucked))
}

/// A sum that is whole as long as its parts are.
#[derive(Default)]
struct Sum {
    whole: i128,
    float: Option<f64>,
    count: usize,
}

impl Sum {
    fn add(&mut self, value: &Value) {
        self.count += 1;
        match number(value) {
            Some(Number::Int(n)) => self.whole = self.whole.saturating_add(n),
            Some(Number::Float(n)) => self.float = Some(self.float.unwrap_or(0.0) + n),
            None => {}
        }
    }

    fn total(&self) -> Result<Value, String> {
        Ok(match self.float {
            Some(float) => finite(self.whole as f64 + float)?,
            None => Number::Int(self.whole).value()?,
        })
    }

    fn mean(&self) -> Result<Value, String> {
        match self.count {
            0 => Ok(Value::from(0)),
            count => finite((self.whole as f64 + self.float.unwrap_or(0.0)) / count as f64),
        }
    }
}

fn finite(number: f64) -> Result<Value, String> {
    Number::Float(number).value()
}

fn grouped(call: &Call, result: fn(&Sum) -> Result<Value, String>) -> Result<Value, String> {
    let mut groups: IndexMap<String, Sum> = IndexMap::new();
    for item in call.items()? {
        let key = property(item.clone(), call.argument(0));
        let key = if key.is_none() { "none".to_owned() } else { text::of(&key)? };
        groups.entry(key).or_default().add(&property(item, call.argument(1)));
    }
    let pairs = groups.into_iter().map(|(key, sum)| Ok((Value::from(key), result(&sum)?)));
    pairs.collect::<Result<IndexMap<Value, Value>, String>>().map(Value::from)
}

fn join(call: &Call) -> Result<Value, String> {
    let separator = call.text(0)?.unwrap_or("");
    let input = &call.input;
    let items = match input.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map | ValueKind::String => input.try_iter(),
        _ => return Err(format!("it needs a list, not {}", super::noun(input))),
    };
    let mut joined = String::new();
    for (n, item) in items.map_err(|error| error.to_string())?.enumerate() {
        if n > 0 {
            joined.push_str(separator);
        }
        text::write(&mut joined, &property(item, call.argument(1)))?;
    }
    Ok(Value::from(joined))
}
