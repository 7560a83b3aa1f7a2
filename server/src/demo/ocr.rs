//! Stand-in for the gateway that reads documents: every document is the same receipt.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::standins::Shared;

pub(super) fn router(shared: Shared) -> Router {
    Router::new().route("/parse/image", post(parse)).with_state(shared)
}

async fn parse(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    if !shared.keys.opens_gateways(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "unauthorized"}))).into_response();
    }
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let asked = (field("language"), field("isTable"));
    let Some(url) = field("url").filter(|url| !url.is_empty() && asked == (Some("eng"), Some("true"))) else {
        return Json(failed("url, language=eng and isTable=true are required")).into_response();
    };
    // A file whose name says that it is blank has no text.
    if url.contains("blank") {
        return Json(read("")).into_response();
    }
    let today = shared.clock.now().strftime("%Y-%m-%d").to_string();
    Json(read(&receipt(&today))).into_response()
}

fn receipt(date: &str) -> String {
    format!(
        "FRESH MART\r\n{date}\r\nRice 10 kg\t850.00\r\nVegetables\t400.50\r\nTOTAL\t1250.50\r\n\
         CAFE AROMA\r\n{date}\r\n2 x Thali\t480.00\r\nTOTAL\t480.00\r\n"
    )
}

fn read(text: &str) -> Value {
    json!({
        "ParsedResults": [{"ParsedText": text, "FileParseExitCode": 1, "ErrorMessage": ""}],
        "OCRExitCode": 1,
        "IsErroredOnProcessing": false,
    })
}

fn failed(why: &str) -> Value {
    json!({"OCRExitCode": 3, "IsErroredOnProcessing": true, "ErrorMessage": [why]})
}
