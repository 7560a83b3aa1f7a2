//! A plan as a drawing: its steps and what each waits for, in the languages of two programs that
//! lay graphs out, and laid out as a picture, in which a run can be seen. The same plan always gives the
//! same text.

mod dot;
mod drawing;
mod layout;
mod mermaid;
mod standing;
mod svg;

pub use dot::dot;
pub use mermaid::mermaid;
pub use standing::{Standing, Standings};
pub use svg::svg;

/// Characters of a line of a label.
const WIDTH: usize = 60;

/// One line that cannot break out of a label: no control characters, and not too long.
fn line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WIDTH).collect();
    if text.chars().nth(WIDTH).is_some() {
        line.push('…');
    }
    line
}
