//! The trace that a request is part of (W3C Trace Context), which goes on in the run.

use axum::http::{HeaderMap, HeaderName};

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
/// Bytes of `tracestate`.
const LONGEST_STATE: usize = 512;

/// As headers of a record; none where there is no trace, or none that can be understood.
pub(super) fn headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let one = |name: &'static str| {
        let mut given = headers.get_all(HeaderName::from_static(name)).iter();
        given.next()?.to_str().ok().filter(|_| given.next().is_none()).map(str::trim)
    };
    let Some(parent) = one(PARENT).filter(|parent| is_parent(parent)) else { return Vec::new() };
    let state = one(STATE).filter(|state| !state.is_empty() && state.len() <= LONGEST_STATE);
    let state = state.map(|state| (STATE.to_owned(), state.as_bytes().to_vec()));
    [(PARENT.to_owned(), parent.as_bytes().to_vec())].into_iter().chain(state).collect()
}

/// `00-TRACE-PARENT-FLAGS`, in lower-case hexadecimal; later versions may say more.
fn is_parent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        parts.next().filter(|part| part.len() == length && part.bytes().all(digit))
    };
    let (Some(version), Some(trace), Some(parent), Some(_flags)) = (hex(2), hex(32), hex(16), hex(2)) else {
        return false;
    };
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let may_go_on = match version {
        "00" => parts.next().is_none(),
        version => version != "ff" && text.len() <= LONGEST_STATE,
    };
    may_go_on && !is_zero(trace) && !is_zero(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_trace_is_none() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let rest = good.strip_prefix("00").unwrap();
        assert!(is_parent(good));
        assert!(is_parent(&format!("01{rest}-more")));
        for bad in [
            "",
            "00",
            &good.to_uppercase(),
            &format!("{good}-more"),
            &format!("ff{rest}"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        ] {
            assert!(!is_parent(bad), "{bad}");
        }
    }
}
