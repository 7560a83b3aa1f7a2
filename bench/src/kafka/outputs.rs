//! Whether the outputs are those of the inputs: each is right, none is missing, none is there twice,
//! and those of one key came in the order of their inputs.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::cluster::Read;
use crate::{Check, order};

/// Looks at all outputs of inputs 0 to `count`.
pub(super) fn check(outputs: &[Read], count: u64, in_order: bool, check: Check) -> Result<(), String> {
    check.same("a topic", &format!("{} records", outputs.len()), &format!("{count} records"))?;
    let mut seen = vec![false; usize::try_from(count).unwrap_or(usize::MAX)];
    let mut last: HashMap<&[u8], u64> = HashMap::new();
    for Read { key, value, .. } in outputs {
        let output: Value = serde_json::from_slice(value).map_err(|error| error.to_string())?;
        let field = |name: &str| output.get(name).cloned().unwrap_or_default();
        let id = field("id").as_str().and_then(order::number).ok_or_else(|| format!("no id in {output}"))?;
        let [.., expected] = order::outputs(id);
        let found = json!({"over": field("over"), "line": field("line")});
        check.same("a record", &found.to_string(), &expected.to_string())?;
        check.same("a key", &String::from_utf8_lossy(key), &order::shop(id))?;
        let place = usize::try_from(id).ok().and_then(|place| seen.get_mut(place));
        match place.map(|seen| std::mem::replace(seen, true)) {
            Some(false) => {}
            Some(true) => return Err(format!("the output of {id} is there twice")),
            None => return Err(format!("there is an output of {id}, which is no input")),
        }
        if let Some(before) = last.insert(key, id).filter(|before| in_order && *before > id) {
            return Err(format!("the output of {before} came before that of {id}"));
        }
    }
    Ok(())
}
