//! What a request carries, as bytes.

use pathway_engine::expression::filters::percent_encode;
use pathway_engine::vm::Body;

/// A body and its media type.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) content_type: String,
}

/// `body` as bytes; `boundary` makes what parts the fields of a multipart body.
pub(super) fn encode_body(body: &Body, boundary: impl FnOnce() -> String) -> Result<Option<Encoded>, String> {
    let (bytes, content_type) = match body {
        Body::Empty => return Ok(None),
        Body::Json(value) => {
            let bytes =
                serde_json::to_vec(value).map_err(|error| format!("its body is not JSON: {error}"))?;
            (bytes, "application/json".to_owned())
        }
        Body::Form(fields) => (form(fields), "application/x-www-form-urlencoded".to_owned()),
        Body::Multipart(fields) => {
            let boundary = boundary();
            (multipart(fields, &boundary), format!("multipart/form-data; boundary={boundary}"))
        }
        Body::Text(text) => (text.clone().into_bytes(), "text/plain; charset=utf-8".to_owned()),
    };
    Ok(Some(Encoded { bytes, content_type }))
}

fn form(fields: &[(String, String)]) -> Vec<u8> {
    let mut out = String::new();
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        percent_encode(name, &mut out);
        out.push('=');
        percent_encode(value, &mut out);
    }
    out.into_bytes()
}

fn multipart(fields: &[(String, String)], boundary: &str) -> Vec<u8> {
    let mut out = String::new();
    for (name, value) in fields {
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        out.push_str("--");
        out.push_str(boundary);
        out.push_str("\r\nContent-Disposition: form-data; name=\"");
        out.push_str(&name);
        out.push_str("\"\r\n\r\n");
        out.push_str(value);
        out.push_str("\r\n");
    }
    out.push_str("--");
    out.push_str(boundary);
    out.push_str("--\r\n");
    out.into_bytes()
}
