//! Server-sent events, as a browser's `EventSource` takes them: the rules of the HTML standard, to
//! the letter.

use serde_json::Value;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The last event id when it was dispatched.
    pub id: String,
    /// Its type: `message` where it has no name.
    pub name: String,
    /// Its data.
    pub data: String,
}

impl Event {
    /// Its data.
    ///
    /// # Panics
    /// If that is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.data) {
            Ok(value) => value,
            Err(error) => panic!("no JSON in {self:?}: {error}"),
        }
    }
}

/// Reads a stream, however it is cut into pieces.
#[derive(Debug, Default)]
pub struct Parser {
    line: String,
    after_return: bool,
    began: bool,
    data: Option<String>,
    name: String,
    id: String,
    /// The last event id, which a reconnection tells.
    pub last_id: String,
    /// What the stream asked to wait before a reconnection, in milliseconds.
    pub retry: Option<u64>,
}

impl Parser {
    /// One that goes on after a reconnection.
    #[must_use]
    pub fn after(last_id: &str) -> Self {
        Self { id: last_id.to_owned(), last_id: last_id.to_owned(), ..Self::default() }
    }

    /// The events that end in this piece.
    pub fn feed(&mut self, text: &str) -> Vec<Event> {
        let mut events = Vec::new();
        for character in text.chars() {
            if !std::mem::replace(&mut self.began, true) && character == '\u{feff}' {
                continue;
            }
            let after_return = std::mem::take(&mut self.after_return);
            match character {
                '\n' if after_return => {}
                '\n' | '\r' => {
                    self.after_return = character == '\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_of_line(&line));
                }
                other => self.line.push(other),
            }
        }
        events
    }

    fn end_of_line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                let data = self.data.get_or_insert_default();
                data.push_str(value);
                data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.id.clone_into(&mut self.last_id);
        let name = std::mem::take(&mut self.name);
        let mut data = self.data.take()?;
        data.pop();
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(Event { id: self.last_id.clone(), name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, name: &str, data: &str) -> Event {
        Event { id: id.to_owned(), name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn the_examples_of_the_standard() {
        let stream = "\u{feff}data: YHOO\r\ndata: +2\rdata: 10\n\n: test stream\n\ndata: first event\nid: 1\n\n\
                      data:second event\nid\n\ndata:  third event\n\ndata\n\ndata\ndata\n\ndata:";
        let expected = [
            event("", "message", "YHOO\n+2\n10"),
            event("1", "message", "first event"),
            event("", "message", "second event"),
            event("", "message", " third event"),
            event("", "message", ""),
            event("", "message", "\n"),
        ];
        assert_eq!(Parser::default().feed(stream), expected);
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for character in stream.chars() {
            events.extend(parser.feed(&character.to_string()));
        }
        assert_eq!(events, expected, "wherever it is cut");
    }

    #[test]
    fn names_ids_and_the_time_to_wait() {
        let mut parser = Parser::after("7");
        let events =
            parser.feed("event: add\ndata: a\n\nevent: b\n\ndata: c\nretry: 1x\nid: 8\nretry: 250\n\nid: 9");
        assert_eq!(events, [event("7", "add", "a"), event("8", "message", "c")]);
        assert_eq!((parser.last_id.as_str(), parser.retry), ("8", Some(250)));
    }
}
