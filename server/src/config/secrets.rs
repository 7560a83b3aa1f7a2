//! Which variables are secret.

use pathway_engine::project::has_password;

use crate::seal;

const WORDS: [&str; 4] = ["KEY", "SECRET", "TOKEN", "PASSWORD"];
/// Variables whose names begin so hold what is sent with spans.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_HEADERS", "PATHWAY_TRACES__HEADERS"];

/// Whether one of the words of `name` says that it is secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    name == seal::VARIABLE
        || HEADERS.iter().any(|headers| name.starts_with(headers))
        || name
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| WORDS.iter().any(|secret| secret.eq_ignore_ascii_case(word)))
}

/// Whether a variable must never be shown.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    is_secret_name(name) || has_password(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell() {
        for name in [
            "API_KEY",
            "KEY",
            "jwt_secret",
            "SUPABASE_ANON_KEY",
            "DB_PASSWORD_OLD",
            "x-api-key",
            "PATHWAY_SEAL_KEYS",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "PATHWAY_TRACES__HEADERS__X",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["KEYBOARD", "MONKEY", "TOKENS_PER_CALL", "SUPABASE_URL", ""] {
            assert!(!is_secret_name(name), "{name}");
        }
        assert!(is_secret("DATABASE_URL", "postgres://u:p@h/db"));
        assert!(!is_secret("DATABASE_URL", "postgres://u@h/db"));
    }
}
