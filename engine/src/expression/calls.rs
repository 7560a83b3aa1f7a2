//! Functions: `now()`, `uuid()`, `reveal()`, `range()` and `dict()`.

use minijinja::value::ValueKind;

use super::Now;
use super::ast::{Arguments, Callee};
use super::eval::{Eval, Result, fail, noun};
use crate::Value;
use crate::source::Span;

/// The longest list that `range` makes.
const MAX_RANGE: i64 = 100_000;

impl Eval<'_> {
    pub(super) fn call(&mut self, callee: Callee, arguments: &Arguments, span: Span) -> Result<Value> {
        match callee {
            Callee::Now => Ok(Value::from(time_text(self.scope.now()))),
            Callee::Uuid => {
                let n = self.uuids;
                self.uuids = n.saturating_add(1);
                Ok(Value::from(self.scope.uuid(n)))
            }
            Callee::Reveal => match arguments.positional.first() {
                Some(inner) => self.eval(inner),
                None => Ok(Value::from(())),
            },
            Callee::Range => self.range(arguments, span),
            Callee::Dict => {
                let (positional, named) = self.arguments(arguments)?;
                let mut map = indexmap::IndexMap::new();
                if let Some(first) = positional.first() {
                    let pairs = first.as_object().filter(|_| first.kind() == ValueKind::Map);
                    let Some(pairs) = pairs.and_then(|map| map.try_iter_pairs()) else {
                        return fail(format!("`dict` needs a map, not {}", noun(first)), span);
                    };
                    map.extend(pairs);
                }
                map.extend(named.into_iter().map(|(name, value)| (Value::from(name), value)));
                self.spend(map.len(), span)?;
                self.bounded(Value::from(map), span)
            }
        }
    }

    fn range(&mut self, arguments: &Arguments, span: Span) -> Result<Value> {
        let mut numbers = Vec::with_capacity(3);
        for argument in &arguments.positional {
            match self.strict(argument)? {
                number if number.is_integer() && number.as_i64().is_some() => {
                    numbers.push(number.as_i64().unwrap_or(0));
                }
                other => return fail(format!("`range` needs whole numbers, not {}", noun(&other)), span),
            }
        }
        let (start, stop, step) = match numbers.as_slice() {
            [stop] => (0, *stop, 1),
            [start, stop] => (*start, *stop, 1),
            [start, stop, step] => (*start, *stop, *step),
            _ => return fail("`range` needs a number", span),
        };
        if step == 0 {
            return fail("the step of `range` is 0", span);
        }
        let (mut list, mut at) = (Vec::new(), start);
        while if step > 0 { at < stop } else { at > stop } {
            if list.len() as i64 >= MAX_RANGE {
                return fail(format!("`range` has more than {MAX_RANGE} numbers"), span);
            }
            list.push(Value::from(at));
            match at.checked_add(step) {
                Some(next) => at = next,
                None => break,
            }
        }
        self.spend(list.len(), span)?;
        Ok(Value::from(list))
    }
}

/// RFC 3339 in UTC, with milliseconds where there are any.
fn time_text(now: Now) -> String {
    jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now).to_string()
}
