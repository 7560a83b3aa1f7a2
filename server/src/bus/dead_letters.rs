//! What the topics are called to which records go that could not be worked on.

const ENDING: &str = ".dlq";

/// The topic of the dead letters of a topic.
#[must_use]
pub fn dead_letters_of(topic: &str) -> String {
    format!("{topic}{ENDING}")
}

/// Whether a topic has dead letters.
#[must_use]
pub fn is_dead_letters(topic: &str) -> bool {
    topic.ends_with(ENDING)
}
