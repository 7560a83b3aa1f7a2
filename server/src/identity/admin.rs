//! The admin token: who shows it is the service itself, or whoever operates it.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pathway_engine::journal::Principal;
use pathway_engine::project::Secret;
use sha2::{Digest, Sha256};

use super::SERVICE;
use crate::secret_file;

const FILE: &str = "admin-token";
/// Random bytes of a token that is made.
const BYTES: usize = 32;
/// Characters of a token that is given: shorter ones can be guessed.
const SHORTEST: usize = 16;

/// The token.
#[derive(Debug, Clone)]
pub struct AdminToken(Secret);

/// Why there is no admin token. Says nothing about it.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    /// The variable holds no token.
    #[error(
        "`{}` cannot be used: a token has at least {SHORTEST} characters, letters, digits and signs only",
        AdminToken::VARIABLE
    )]
    Given,
    /// The file cannot be used.
    #[error("cannot use the admin token `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// There was no randomness.
    #[error("the system gave no random bytes")]
    Random,
}

impl AdminToken {
    /// The variable that gives it.
    pub const VARIABLE: &str = "PATHWAY_ADMIN_TOKEN";

    /// The token that [`Self::VARIABLE`] gives, else the one in a data folder; made, readable by
    /// its owner only, if there is none.
    ///
    /// # Errors
    /// If what is given is no token, or the file cannot be read or written.
    pub fn load(given: Option<&str>, folder: &Path) -> Result<Self, AdminTokenError> {
        if let Some(given) = given.filter(|text| !text.trim().is_empty()) {
            return Self::new(given).ok_or(AdminTokenError::Given);
        }
        let path = folder.join(FILE);
        let unusable = |source| AdminTokenError::File { path: path.display().to_string(), source };
        match fs::read_to_string(&path) {
            Ok(text) => Self::new(&text)
                .ok_or_else(|| unusable(io::Error::new(io::ErrorKind::InvalidData, "it holds no token"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let token = Self::generate()?;
                secret_file::write(&path, token.0.reveal()).map_err(unusable)?;
                Ok(token)
            }
            Err(error) => Err(unusable(error)),
        }
    }

    /// `text` as a token, if it can be one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let good = text.len() >= SHORTEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self(Secret::new(text)))
    }

    /// A new token.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, AdminTokenError> {
        let mut bytes = [0; BYTES];
        rand::fill(&mut bytes).map_err(|_unspecified| AdminTokenError::Random)?;
        Ok(Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The token itself, for whoever sends it.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// Whether `token` is this one. How long that takes tells nothing about it.
    #[must_use]
    pub fn is(&self, token: &str) -> bool {
        let [ours, given] = [self.0.reveal(), token].map(|text| Sha256::digest(text.as_bytes()));
        verify_slices_are_equal(&ours, &given).is_ok()
    }

    /// Who shows it.
    #[must_use]
    pub fn principal() -> Principal {
        let service = || SERVICE.to_owned();
        Principal { sub: service(), role: Some(service()), claims: None, has_token: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_folder_stays_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let token = AdminToken::load(None, folder.path()).unwrap();
        assert!(AdminToken::load(Some(" "), folder.path()).unwrap().is(token.secret().reveal()));
        #[cfg(unix)]
        {
            let metadata = fs::metadata(folder.path().join(FILE)).unwrap();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
        }
        fs::write(folder.path().join(FILE), "short").unwrap();
        assert!(matches!(AdminToken::load(None, folder.path()), Err(AdminTokenError::File { .. })));
    }

    #[test]
    fn a_token_that_is_given_holds() {
        let folder = tempfile::tempdir().unwrap();
        let token = AdminToken::load(Some("a-token-of-the-operators\n"), folder.path()).unwrap();
        assert!(token.is("a-token-of-the-operators"));
        assert!(!token.is("a-token-of-the-operatorz") && !token.is(""));
        assert!(!folder.path().join(FILE).exists());
        assert!(!format!("{token:?}").contains("operators"));
        for bad in ["hunter2", "with spaces in between it"] {
            let error = AdminToken::load(Some(bad), folder.path()).unwrap_err();
            assert!(matches!(error, AdminTokenError::Given) && !error.to_string().contains(bad));
        }
    }
}
