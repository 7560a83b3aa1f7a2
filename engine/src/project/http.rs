//! What one client of the gateway can take.

use std::time::Duration;

use super::reader::Reader;
use crate::document::Fields;
use crate::reference::{Field, Object, Takes};
use crate::source::Node;

/// Its fields.
pub(super) static HTTP: Object = Object::new(
    "http",
    &[
        Field::new("max_body", Takes::Size, "the largest body of a request"),
        Field::new("timeout", Takes::Duration, "for the head of a request, and then for its body"),
        Field::new("keep_alive", Takes::Duration, "between comments that keep a stream open"),
        Field::new("max_connections", Takes::Count(1, 1_000_000), "connections at once"),
    ],
);

/// `http:`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http {
    /// Bytes of a request's body.
    pub max_body: u64,
    /// For the head of a request, and then for its body.
    pub timeout: Duration,
    /// Between comments that keep a stream open.
    pub keep_alive: Duration,
    /// Connections at once.
    pub max_connections: u32,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            max_body: 10 << 20,
            timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            max_connections: 10_000,
        }
    }
}

impl Http {
    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Self {
        let mut http = Self::default();
        let Some(mut fields) = Fields::of(node, "`http`", reader.diagnostics) else { return http };
        // What is admitted has at most 16 MiB.
        let largest = 16 << 20;
        let body = fields.take("max_body");
        if let Some(size) = body.and_then(|node| reader.size(node, "`max_body`", 1..=largest)) {
            http.max_body = size;
        }
        if let Some(time) = fields.take("timeout").and_then(|node| reader.duration(node, "`timeout`")) {
            http.timeout = time;
        }
        if let Some(time) = fields.take("keep_alive").and_then(|node| reader.duration(node, "`keep_alive`")) {
            http.keep_alive = time;
        }
        let connections = fields.take("max_connections");
        if let Some(count) =
            connections.and_then(|node| reader.count(node, "`max_connections`", 1..=1_000_000))
        {
            http.max_connections = count;
        }
        fields.finish(reader.diagnostics);
        http
    }
}
