//! In whose name a run runs another one again: that of whoever asked for the other, with their token while it
//! is good. Nobody waits for it.

use jiff::Timestamp;
use pathway_engine::compile::Plan;
use pathway_engine::journal::{self, Caller, Principal, SEMANTICS, Started};
use pathway_engine::value::ValueKind;

use super::arrival::seed;
use super::{Inner, RerunError};
use crate::envelope::Sealed;

impl Inner {
    /// Who asked, sealed for another run: with their token, if that is still good.
    pub(super) fn asks_again(
        &self,
        began: &Started,
        plan: &Plan,
        (old, new): (&str, &str),
    ) -> Result<Asks, RerunError> {
        let Some(principal) = began.principal.clone() else { return Ok(Asks::default()) };
        let Some(sealed) = &began.sealed else {
            return Ok(Asks { principal: Some(principal), ..Asks::default() });
        };
        let opened = self.open(sealed, plan, old).ok();
        let token =
            opened.and_then(|opened| opened.token).filter(|_| !has_expired(&principal, self.clock.now()));
        let token_expired = principal.has_token && token.is_none();
        let principal = Principal { has_token: token.is_some(), ..principal };
        let sealed = Sealed { principal: principal.clone(), token };
        let sealed = sealed.seal(&self.keys, &plan.name, new).map_err(|_| RerunError::Seal)?;
        Ok(Asks { principal: Some(principal), sealed: Some(sealed), token_expired })
    }
}

/// Who asks for a run that runs another one again.
#[derive(Default)]
pub(super) struct Asks {
    principal: Option<Principal>,
    sealed: Option<String>,
    pub(super) token_expired: bool,
}

/// The beginning of a run that runs another one again. Nobody waits for it.
pub(super) fn again(began: &Started, id: &str, asks: Asks, rerun: journal::Rerun) -> Started {
    Started {
        run: id.into(),
        input: began.input.clone(),
        principal: asks.principal,
        seed: seed(id),
        semantics: SEMANTICS,
        attempt: 1,
        depth: 0,
        sealed: asks.sealed,
        trace: None,
        refused: None,
        caller: began.caller.as_ref().map(|_| Caller { deadline: None }),
        rerun: Some(Box::new(rerun)),
    }
}

/// Whether the token of whoever asked has expired.
fn has_expired(principal: &Principal, now: Timestamp) -> bool {
    let expires = principal.claims.as_ref().and_then(|claims| claims.get_attr("exp").ok());
    let expires = expires.filter(|at| at.kind() == ValueKind::Number);
    let seconds = expires.and_then(|at| f64::try_from(at).ok());
    #[expect(clippy::cast_precision_loss, reason = "a fraction of a second does not matter")]
    let now = now.as_second() as f64;
    seconds.is_some_and(|seconds| seconds <= now)
}
