//! Sealing of small secrets that have to travel through topics or the store: a token that a step
//! will send on, a ticket that opens a stream.
//!
//! A seal is AES-256-GCM with a random nonce, written as text: `v1.` and base64url of nonce,
//! ciphertext and tag. It opens only with the same key and the same associated data, so that it
//! cannot be moved to another run, pathway or time.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use pathway_engine::project::Secret;

use crate::secret_file;

const KEY_LEN: usize = 32;
const VERSION: &str = "v1.";
const FILE: &str = "seal.key";
/// The variable that gives the keys of a group, instead of the file of one process.
pub const VARIABLE: &str = "PATHWAY_SEAL_KEYS";

/// Why something was not sealed, opened or used as a key. Says nothing about the secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SealError {
    /// Not text that a seal could be.
    #[error("this is not a seal")]
    Malformed,
    /// Another key, other associated data, or altered on the way.
    #[error("the seal does not open")]
    Refused,
    /// There was no randomness.
    #[error("the system gave no random bytes")]
    Random,
    /// Not a key.
    #[error("a seal key is {KEY_LEN} bytes as base64url without padding")]
    Key,
    /// Not keys, in [`VARIABLE`].
    #[error(
        "`{VARIABLE}` cannot be used: keys are {KEY_LEN} bytes each as base64url without padding, separated by commas"
    )]
    Keys,
    /// The key's file cannot be used.
    #[error("cannot use the seal key `{path}`: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: Arc<io::Error>,
    },
}

/// A key that seals and opens.
#[derive(Clone)]
pub struct SealKey {
    text: Secret,
    key: Arc<RandomizedNonceKey>,
}

impl fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealKey(…)")
    }
}

impl SealKey {
    /// A new key.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, SealError> {
        let mut bytes = [0; KEY_LEN];
        rand::fill(&mut bytes).map_err(|_unspecified| SealError::Random)?;
        Self::from_bytes(&bytes)
    }

    /// The key that [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// If it is not one.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_invalid| SealError::Key)?;
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_unspecified| SealError::Key)?;
        Ok(Self { text: Secret::new(URL_SAFE_NO_PAD.encode(bytes)), key: Arc::new(key) })
    }

    /// The key as text, for a file or an environment variable.
    #[must_use]
    pub const fn to_text(&self) -> &Secret {
        &self.text
    }

    /// The key in a data folder that this process holds; made, readable by its owner only, if
    /// there is none.
    ///
    /// # Errors
    /// If the file cannot be read or written, or holds no key.
    pub fn load_or_create(folder: &Path) -> Result<Self, SealError> {
        let path = folder.join(FILE);
        let unusable = |source: io::Error| SealError::File {
            path: path.display().to_string(),
            source: Arc::new(source),
        };
        match fs::read_to_string(&path) {
            Ok(text) => Self::from_text(&text)
                .map_err(|error| unusable(io::Error::new(io::ErrorKind::InvalidData, error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                secret_file::write(&path, key.text.reveal()).map_err(unusable)?;
                Ok(key)
            }
            Err(error) => Err(unusable(error)),
        }
    }

    /// Seals `plain` for where the same `associated` data is known.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn seal(&self, plain: &str, associated: &[&str]) -> Result<String, SealError> {
        let mut sealed = plain.as_bytes().to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(unambiguous(associated)), &mut sealed)
            .map_err(|_unspecified| SealError::Random)?;
        let bytes = [nonce.as_ref().as_slice(), &sealed].concat();
        Ok(format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what was sealed with this key and the same associated data.
    ///
    /// # Errors
    /// If it was not.
    pub fn open(&self, sealed: &str, associated: &[&str]) -> Result<Secret, SealError> {
        let encoded = sealed.strip_prefix(VERSION).ok_or(SealError::Malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_invalid| SealError::Malformed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(unambiguous(associated)), &mut sealed)
            .map_err(|_unspecified| SealError::Refused)?;
        String::from_utf8(plain.to_vec()).map(Secret::new).map_err(|_invalid| SealError::Refused)
    }
}

/// Keys of a group: the first seals, all open, so that keys can be changed while seals travel.
#[derive(Debug, Clone)]
pub struct SealKeys {
    first: SealKey,
    others: Vec<SealKey>,
}

impl SealKeys {
    /// Keys separated by commas.
    ///
    /// # Errors
    /// If there is none, or one is not a key.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut keys = text.split(',').map(SealKey::from_text);
        let first = keys.next().ok_or(SealError::Key)??;
        Ok(Self { first, others: keys.collect::<Result<_, _>>()? })
    }

    /// The keys that [`VARIABLE`] gives, else the one of a data folder.
    ///
    /// # Errors
    /// If they are no keys, or as [`SealKey::load_or_create`].
    pub fn load(given: Option<&str>, folder: &Path) -> Result<Self, SealError> {
        match given.filter(|text| !text.trim().is_empty()) {
            Some(text) => Self::parse(text).map_err(|_malformed| SealError::Keys),
            None => SealKey::load_or_create(folder).map(Self::from),
        }
    }

    /// As [`SealKeys::load`], but makes none.
    ///
    /// # Errors
    /// As [`SealKeys::load`].
    pub fn find(given: Option<&str>, folder: &Path) -> Result<Option<Self>, SealError> {
        let is_given = given.is_some_and(|text| !text.trim().is_empty());
        match is_given || folder.join(FILE).exists() {
            true => Self::load(given, folder).map(Some),
            false => Ok(None),
        }
    }

    /// Seals with the first key.
    ///
    /// # Errors
    /// As [`SealKey::seal`].
    pub fn seal(&self, plain: &str, associated: &[&str]) -> Result<String, SealError> {
        self.first.seal(plain, associated)
    }

    /// Opens with whichever key does.
    ///
    /// # Errors
    /// As [`SealKey::open`].
    pub fn open(&self, sealed: &str, associated: &[&str]) -> Result<Secret, SealError> {
        let first = self.first.open(sealed, associated);
        match first {
            Err(SealError::Refused) => {
                self.others.iter().find_map(|key| key.open(sealed, associated).ok()).ok_or(SealError::Refused)
            }
            first => first,
        }
    }
}

impl From<SealKey> for SealKeys {
    fn from(first: SealKey) -> Self {
        Self { first, others: Vec::new() }
    }
}

/// Each part with its length, so that `a`, `bc` is not `ab`, `c`.
fn unambiguous(associated: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in associated {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn opens_what_it_sealed(plain: String, associated: Vec<String>) {
            let associated: Vec<&str> = associated.iter().map(String::as_str).collect();
            let key = SealKey::generate().unwrap();
            let sealed = key.seal(&plain, &associated).unwrap();
            let opened = key.open(&sealed, &associated).unwrap();
            prop_assert_eq!(opened.reveal(), plain);
        }

        #[test]
        fn an_altered_seal_does_not_open(plain: String, at: prop::sample::Index, bit in 0..8_u32) {
            let key = SealKey::generate().unwrap();
            let sealed = key.seal(&plain, &["run"]).unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(VERSION).unwrap()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let altered = format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(bytes));
            prop_assert!(matches!(key.open(&altered, &["run"]), Err(SealError::Refused)));
        }

        #[test]
        fn opening_anything_never_panics(text: String) {
            let key = SealKey::generate().unwrap();
            prop_assert!(key.open(&text, &[]).is_err());
            let versioned = format!("{VERSION}{text}");
            prop_assert!(key.open(&versioned, &[]).is_err());
        }
    }

    #[test]
    fn associated_data_and_key_must_be_the_same() {
        let key = SealKey::generate().unwrap();
        let sealed = key.seal("token", &["a", "bc"]).unwrap();
        for other in [&["ab", "c"][..], &["abc"], &["a", "bc", ""], &[]] {
            assert!(matches!(key.open(&sealed, other), Err(SealError::Refused)), "{other:?}");
        }
        assert!(matches!(SealKey::generate().unwrap().open(&sealed, &["a", "bc"]), Err(SealError::Refused)));
    }

    #[test]
    fn equal_secrets_have_different_seals() {
        let key = SealKey::generate().unwrap();
        assert_ne!(key.seal("token", &[]).unwrap(), key.seal("token", &[]).unwrap());
    }

    #[test]
    fn the_key_of_a_folder_stays_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = SealKey::load_or_create(folder.path()).unwrap().seal("token", &[]).unwrap();
        let again = SealKey::load_or_create(folder.path()).unwrap();
        assert_eq!(again.open(&sealed, &[]).unwrap().reveal(), "token");
        #[cfg(unix)]
        {
            let metadata = fs::metadata(folder.path().join(FILE)).unwrap();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
        }
    }

    #[test]
    fn a_broken_key_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "short").unwrap();
        assert!(matches!(SealKey::load_or_create(folder.path()), Err(SealError::File { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let [old, new] = [(); 2].map(|()| SealKey::generate().unwrap());
        let both = format!("{}, {}", new.to_text().reveal(), old.to_text().reveal());
        let keys = SealKeys::parse(&both).unwrap();
        let sealed_before = old.seal("token", &["run"]).unwrap();
        assert_eq!(keys.open(&sealed_before, &["run"]).unwrap().reveal(), "token");
        assert_eq!(new.open(&keys.seal("token", &[]).unwrap(), &[]).unwrap().reveal(), "token");
        let stranger = SealKey::generate().unwrap().seal("token", &[]).unwrap();
        assert!(matches!(keys.open(&stranger, &[]), Err(SealError::Refused)));
        assert!(matches!(SealKeys::parse(""), Err(SealError::Key)));
    }

    #[test]
    fn keys_that_are_given_hold_instead_of_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let given = SealKey::generate().unwrap();
        let keys = SealKeys::load(Some(given.to_text().reveal()), folder.path()).unwrap();
        assert!(given.open(&keys.seal("token", &[]).unwrap(), &[]).is_ok());
        assert!(!path.exists());
        let wrong = SealKeys::load(Some("hunter2"), folder.path()).unwrap_err();
        assert!(matches!(wrong, SealError::Keys) && !wrong.to_string().contains("hunter2"));
        SealKeys::load(Some(" "), folder.path()).unwrap();
        assert!(path.exists());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let key = SealKey::generate().unwrap();
        let secret = key.open(&key.seal("hunter2", &[]).unwrap(), &[]).unwrap();
        let printed = format!("{key:?} {key:#?} {secret:?} {secret} {:?}", SealKeys::from(key.clone()));
        assert!(!printed.contains("hunter2") && !printed.contains(key.to_text().reveal()), "{printed}");
    }
}
