//! What a request shows of who calls: a bearer token in its head, or, where a stream is opened by
//! a client that can set no headers, a ticket or a token in its query.

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use pathway_engine::document::HttpDoor;

/// Bytes of a token or ticket.
const LONGEST: usize = 16 << 10;

/// What a request shows, not verified.
pub(crate) enum Credentials<'a> {
    Nothing,
    /// Something, but not one token.
    Malformed,
    Bearer(String),
    /// A token in the query.
    Query(String),
    /// A ticket, and the request that it is to open a stream for.
    Ticket(String, &'a Parts),
}

impl<'a> Credentials<'a> {
    /// Of any request: what its head says.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = given.next() else { return Self::Nothing };
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.trim().split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        match token.filter(|token| !token.is_empty() && token.len() <= LONGEST) {
            Some(token) if given.next().is_none() => Self::Bearer(token.to_owned()),
            _ => Self::Malformed,
        }
    }

    /// Of a request for a stream: what its query says counts too, if its head says nothing.
    pub(super) fn of_stream(head: &'a Parts) -> Self {
        match Self::of(&head.headers) {
            Self::Nothing if matches!(head.method, Method::GET | Method::HEAD) => Self::of_query(head),
            credentials => credentials,
        }
    }

    fn of_query(head: &'a Parts) -> Self {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&head.uri) else {
            return Self::Nothing;
        };
        let mut shown = pairs.into_iter().filter(|(name, _)| HttpDoor::CREDENTIALS.contains(&name.as_str()));
        match (shown.next(), shown.next()) {
            (None, _) => Self::Nothing,
            (Some((_, value)), None) if value.is_empty() || value.len() > LONGEST => Self::Malformed,
            (Some((name, value)), None) if name == HttpDoor::TICKET => Self::Ticket(value, head),
            (Some((_, value)), None) => Self::Query(value),
            (Some(_), Some(_)) => Self::Malformed,
        }
    }
}
