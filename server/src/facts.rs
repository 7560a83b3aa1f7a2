//! What the expressions of a door (`key`, `id`, `subject`) see.

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::expression::{EvalError, Expression, Now, Scope, Slot};
use pathway_engine::journal::Principal;

/// An input, and who gave it.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The input.
    pub input: &'a Value,
    /// Who gave it.
    pub principal: Option<&'a Principal>,
    /// What time it is.
    pub now: Timestamp,
}

impl Facts<'_> {
    /// The text that `expression` yields; none where it yields none.
    ///
    /// # Errors
    /// As [`Expression::eval_or_none`].
    pub fn text(&self, expression: &Expression) -> Result<Option<String>, EvalError> {
        let value = expression.eval_or_none(self)?;
        Ok((!value.is_none() && !value.is_undefined()).then(|| value.to_string()))
    }
}

impl Scope for Facts<'_> {
    fn get(&self, slot: Slot) -> Value {
        match slot {
            Slot::Input => self.input.clone(),
            Slot::Auth => self.principal.map_or_else(|| Value::from(()), Principal::to_value),
            _ => Value::from(()),
        }
    }

    fn now(&self) -> Now {
        self.now
    }

    fn uuid(&self, _: u32) -> String {
        String::new()
    }
}
