//! What a token claims, and what the project asks of it.

use jiff::{SignedDuration, Timestamp};
use pathway_engine::Value;
use pathway_engine::journal::Principal;
use pathway_engine::project::Auth;
use pathway_engine::value::ValueKind;

use super::{Refusal, SERVICE, Verified};

/// By how much the issuer's clock may differ from ours.
const LEEWAY: SignedDuration = SignedDuration::from_secs(10);
/// Bytes of a subject.
const LONGEST_SUBJECT: usize = 255;

/// What every token must claim.
pub(super) struct Rules {
    issuer: Option<String>,
    audience: Option<String>,
    role: Option<String>,
}

impl Rules {
    pub(super) fn of(auth: &Auth) -> Self {
        Self { issuer: auth.issuer.clone(), audience: auth.audience.clone(), role: auth.role.clone() }
    }

    /// Whom the claims are about, if they are as they must be.
    pub(super) fn check(&self, claims: &Value, now: Timestamp) -> Result<Verified, Refusal> {
        let claim = |name: &str| claims.get_attr(name).unwrap_or_default();
        let expires_at = time(&claim("exp")).ok_or(Refusal::Bad("the token has no time of expiry"))?;
        if later(expires_at) <= now {
            return Err(Refusal::Expired);
        }
        let not_before = claim("nbf");
        if !not_before.is_undefined() && time(&not_before).is_none_or(|from| later(now) < from) {
            return Err(Refusal::Bad("the token is not valid yet"));
        }
        if self.issuer.as_deref().is_some_and(|issuer| claim("iss").as_str() != Some(issuer)) {
            return Err(Refusal::Bad("the token is of another issuer"));
        }
        if self.audience.as_deref().is_some_and(|audience| !is_for(&claim("aud"), audience)) {
            return Err(Refusal::Bad("the token is for another audience"));
        }
        if self.role.as_deref().is_some_and(|role| claim("role").as_str() != Some(role)) {
            return Err(Refusal::Bad("the token is for another role"));
        }
        Ok(Verified { principal: principal(claims)?, expires_at })
    }
}

/// Whom the claims are about, believed as they come.
pub(super) fn believe(claims: &Value) -> Result<Verified, Refusal> {
    Ok(Verified { principal: principal(claims)?, expires_at: Timestamp::MAX })
}

/// Public keys of an issuer are valid tokens too, but of nobody: they have no subject.
fn principal(claims: &Value) -> Result<Principal, Refusal> {
    let text = |name: &str| claims.get_attr(name).ok()?.as_str().map(str::to_owned);
    let sub = text("sub").filter(|sub| !sub.is_empty()).ok_or(Refusal::Bad("the token has no subject"))?;
    if sub.len() > LONGEST_SUBJECT {
        return Err(Refusal::Bad("the subject of the token is too long"));
    }
    if sub == SERVICE {
        return Err(Refusal::Bad("the subject of the token is reserved"));
    }
    Ok(Principal { sub, role: text("role"), claims: Some(claims.clone()), has_token: true })
}

/// One audience, or a list of them.
fn is_for(given: &Value, audience: &str) -> bool {
    match given.kind() {
        ValueKind::Seq => {
            given.try_iter().is_ok_and(|mut given| given.any(|one| one.as_str() == Some(audience)))
        }
        _ => given.as_str() == Some(audience),
    }
}

/// Seconds since 1970, which may have a fraction.
#[expect(clippy::cast_possible_truncation, reason = "a fraction of a second does not matter")]
fn time(value: &Value) -> Option<Timestamp> {
    let seconds = Some(value).filter(|value| value.kind() == ValueKind::Number)?;
    let seconds = f64::try_from(seconds.clone()).ok()?;
    Timestamp::from_second(seconds as i64).ok()
}

fn later(time: Timestamp) -> Timestamp {
    time.checked_add(LEEWAY).unwrap_or(Timestamp::MAX)
}
