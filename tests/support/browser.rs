//! The two ways in which the finance app's frontend reads streams.

use std::collections::VecDeque;

use serde_json::Value;

use crate::events::{Event, Parser};
use crate::wire::{Ask, Wire};

/// A browser's `EventSource`: it comes again when its connection breaks or ends, and says what it
/// saw last; anything but 200 and its media type ends it.
#[derive(Debug)]
pub struct EventSource {
    authority: String,
    path: String,
    wire: Option<Wire>,
    parser: Parser,
    events: VecDeque<Event>,
    /// How often it has connected.
    pub connections: usize,
    /// The status that ended it.
    pub ended: Option<u16>,
}

impl EventSource {
    /// Opens one; it cannot send headers of its own.
    pub async fn open(authority: &str, path: &str) -> Self {
        let mut source = Self {
            authority: authority.to_owned(),
            path: path.to_owned(),
            wire: None,
            parser: Parser::default(),
            events: VecDeque::new(),
            connections: 0,
            ended: None,
        };
        source.connect().await;
        source
    }

    /// The next event, whatever its name; none when the server wants it to come no more.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let wire = self.wire.as_mut()?;
            match wire.try_chunk().await {
                Ok(Some(chunk)) => self.events.extend(self.parser.feed(&chunk)),
                Ok(None) | Err(_) => self.connect().await,
            }
        }
    }

    /// What `onmessage` would be called with next.
    ///
    /// # Panics
    /// If the stream ends before.
    pub async fn message(&mut self) -> Event {
        loop {
            match self.next().await {
                Some(event) if event.name == "message" => return event,
                Some(_) => {}
                None => panic!("the stream ended with {:?}", self.ended),
            }
        }
    }

    /// Goes elsewhere for the same, as behind a proxy whose server was replaced.
    pub fn moved(&mut self, authority: &str) {
        authority.clone_into(&mut self.authority);
    }

    /// Breaks its connection and comes again.
    pub async fn reconnect(&mut self) {
        self.connect().await;
    }

    async fn connect(&mut self) {
        let last_id = self.parser.last_id.clone();
        let mut ask = Ask::get(&self.path).header("accept", "text/event-stream");
        if !last_id.is_empty() {
            ask = ask.header("last-event-id", &last_id);
        }
        self.wire = None;
        self.connections += 1;
        let wire = Wire::open(&self.authority, &ask).await;
        let is_stream = wire.header("content-type").is_some_and(|it| it.starts_with("text/event-stream"));
        if wire.status == 200 && is_stream {
            self.parser = Parser::after(&last_id);
            self.wire = Some(wire);
        } else {
            self.ended = Some(wire.status);
        }
    }
}

/// The frontend's chat: `fetch`, and each read split at newlines on its own. An event that two
/// reads share is lost to it.
#[derive(Debug)]
pub struct Fetch {
    wire: Wire,
}

impl Fetch {
    /// Reads this answer.
    ///
    /// # Panics
    /// If it is no stream.
    #[must_use]
    pub fn of(wire: Wire) -> Self {
        assert_eq!((wire.status, wire.header("content-type")), (200, Some("text/event-stream")));
        Self { wire }
    }

    /// What the next read that has data says; none at the end.
    ///
    /// # Panics
    /// If there is a line in it that the frontend could not read.
    pub async fn read(&mut self) -> Option<Vec<Value>> {
        loop {
            let text = self.wire.chunk().await?;
            let lines = text.split('\n').filter_map(|line| line.strip_prefix("data: "));
            let values: Vec<Value> = lines
                .map(|data| match serde_json::from_str(data) {
                    Ok(value) => value,
                    Err(error) => panic!("`{data}` in a read of its own: {error}"),
                })
                .collect();
            if !values.is_empty() {
                return Some(values);
            }
        }
    }

    /// All that is left.
    pub async fn rest(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        while let Some(values) = self.read().await {
            all.extend(values);
        }
        all
    }
}
