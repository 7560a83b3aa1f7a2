//! Record headers as one column: for each, the length of the name (u32, little endian), the
//! name, the length of the value, the value. No headers are null.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Headers of a record, in order; names may repeat. They are cheap to clone; a clone that is changed
/// becomes one of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Arc<Vec<(String, Vec<u8>)>>);

impl From<Vec<(String, Vec<u8>)>> for Headers {
    fn from(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self(Arc::new(headers))
    }
}

impl Deref for Headers {
    type Target = Vec<(String, Vec<u8>)>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Headers {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl Headers {
    /// The bytes of their names and values.
    pub(crate) fn size(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

pub(super) fn encode(headers: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    if headers.is_empty() {
        return None;
    }
    let mut encoded =
        Vec::with_capacity(headers.iter().map(|(name, value)| 8 + name.len() + value.len()).sum());
    for (name, value) in headers {
        for part in [name.as_bytes(), value] {
            // Every store refuses a column far smaller than 4 GiB.
            encoded.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            encoded.extend_from_slice(part);
        }
    }
    Some(encoded)
}

/// None if the column was not written by [`encode`].
pub(super) fn decode(column: Option<&[u8]>) -> Option<Headers> {
    let mut rest = column.unwrap_or_default();
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let name = String::from_utf8(take(&mut rest)?.to_vec()).ok()?;
        headers.push((name, take(&mut rest)?.to_vec()));
    }
    Some(headers.into())
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (part, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = after;
    Some(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decodes_what_was_encoded(headers: Vec<(String, Vec<u8>)>) {
            prop_assert_eq!(decode(encode(&headers).as_deref()), Some(headers.into()));
        }

        #[test]
        fn never_panics(column: Vec<u8>) {
            decode(Some(&column));
        }
    }

    #[test]
    fn refuses_a_column_cut_short() {
        let encoded = encode(&[("name".into(), b"value".to_vec())]).unwrap();
        assert_eq!(decode(encoded.get(..encoded.len() - 1)), None);
    }
}
