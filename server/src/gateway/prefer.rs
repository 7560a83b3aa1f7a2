//! `Prefer` (RFC 7240): whether and how long a caller wants to wait.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};

/// What a caller prefers, of what we can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prefer {
    /// 202 rather than waiting.
    pub(super) asynchronous: bool,
    /// How long it would wait.
    pub(super) wait: Option<Duration>,
}

impl Prefer {
    /// What the headers say; preferences that are not understood are passed over.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers.get_all(HeaderName::from_static("prefer")).iter();
        let preferences = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        for preference in preferences {
            let preference = preference.split(';').next().unwrap_or_default().trim();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => prefer.asynchronous = true,
                "wait" => {
                    let seconds = value.trim().trim_matches('"').parse::<u32>().ok();
                    let seconds = seconds.map(|seconds| Duration::from_secs(seconds.into()));
                    prefer.wait = prefer.wait.or(seconds);
                }
                _ => {}
            }
        }
        prefer
    }

    /// Whether anything was said that is understood.
    pub(super) fn is_given(self) -> bool {
        self.asynchronous || self.wait.is_some()
    }

    /// How long to wait for a door that would by itself wait `longest`.
    pub(super) fn bound(self, longest: Duration) -> Duration {
        match (self.wait, self.asynchronous) {
            (Some(wait), _) => wait.min(longest),
            (None, true) => Duration::ZERO,
            (None, false) => longest,
        }
    }

    /// The value of `Preference-Applied`, of an answer that came (`waited`) or is still to come.
    pub(super) fn applied(self, waited: bool) -> Option<String> {
        match (self.wait, self.asynchronous) {
            (None, false) => None,
            (None, true) => (!waited).then(|| "respond-async".to_owned()),
            (Some(wait), asynchronous) => {
                let wait = format!("wait={}", wait.as_secs());
                Some(if asynchronous && !waited { format!("respond-async, {wait}") } else { wait })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Prefer {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", text.parse().unwrap());
        Prefer::of(&headers)
    }

    #[test]
    fn reads_what_it_understands() {
        let both = Prefer { asynchronous: true, wait: Some(Duration::from_secs(10)) };
        assert_eq!(of("respond-async, wait=10"), both);
        assert_eq!(of("handling=lenient;x=1, Wait = \"10\" , Respond-Async"), both);
        assert_eq!(of("wait=ten"), Prefer::default());
        assert_eq!(of("wait=1, wait=2").wait, Some(Duration::from_secs(1)), "the first counts");
    }

    proptest! {
        #[test]
        fn never_waits_longer_than_the_door(text in "[ -~]{0,40}", longest in 0u64..100) {
            let longest = Duration::from_secs(longest);
            prop_assert!(of(&text).bound(longest) <= longest);
        }
    }
}
