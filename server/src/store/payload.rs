//! What a record says: bytes that are shared, and what they say as JSON, which is read once.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use pathway_engine::value::{Json, JsonError};

/// The value of a record. It is cheap to clone, and clones share what was read of it.
#[derive(Clone)]
pub struct Payload(Arc<Said>);

struct Said {
    bytes: Arc<[u8]>,
    json: OnceLock<Json>,
}

impl Payload {
    /// What the bytes say as JSON.
    ///
    /// # Errors
    /// They are no JSON.
    pub fn json(&self) -> Result<Json, JsonError> {
        if let Some(json) = self.0.json.get() {
            return Ok(json.clone());
        }
        let json = Json::read(self.0.bytes.clone())?;
        Ok(self.0.json.get_or_init(|| json).clone())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Said { bytes: bytes.into(), json: OnceLock::new() }))
    }
}

impl From<Json> for Payload {
    fn from(mut json: Json) -> Self {
        Self(Arc::new(Said { bytes: json.text(), json: OnceLock::from(json) }))
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_what_was_read() {
        let payload = Payload::from(br#"{"a": 1}"#.to_vec());
        let clone = payload.clone();
        assert_eq!(&*payload.json().unwrap().text(), br#"{"a": 1}"#);
        assert!(clone.0.json.get().is_some());
        assert_eq!(&*clone, br#"{"a": 1}"#);
    }

    #[test]
    fn what_is_known_as_json_has_the_bytes_of_its_text() {
        let json = Json::read(br#"[1.50]"#.as_slice().into()).unwrap();
        assert_eq!(&*Payload::from(json), b"[1.50]");
        assert!(Payload::from(b"[1".to_vec()).json().is_err());
    }

    #[test]
    fn what_had_no_text_is_written_once() {
        let payload = Payload::from(Json::from(pathway_engine::Value::from(vec![1])));
        assert!(Arc::ptr_eq(&payload.0.bytes, &payload.json().unwrap().text()));
    }
}
