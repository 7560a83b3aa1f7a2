//! The terminal's other screen, which is left as it was found, also where something goes wrong.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::Terminal;

/// To the other screen, without a cursor; what is too long for a line is cut by the terminal, too.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l";
const LEAVE: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";
/// To the first place, the rest of a line, and all below it.
const HOME: &str = "\u{1b}[H";
const REST: &str = "\u{1b}[K";
const BELOW: &str = "\u{1b}[J";

/// The other screen; dropping it goes back.
pub(super) struct Screen {
    terminal: Terminal,
    has_left: Arc<AtomicBool>,
}

impl Screen {
    pub(super) fn enter(terminal: Terminal) -> io::Result<Self> {
        let screen = Self { terminal, has_left: Arc::default() };
        // What a panic says is to be read afterwards.
        let (has_left, before) = (screen.has_left.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            leave(terminal, &has_left);
            before(info);
        }));
        terminal.result_part(ENTER)?;
        Ok(screen)
    }

    /// Shows these lines and nothing else.
    pub(super) fn draw(&self, lines: &[String]) -> io::Result<()> {
        let mut text = HOME.to_owned();
        text.push_str(&lines.join(&format!("{REST}\r\n")));
        text.push_str(REST);
        text.push_str(BELOW);
        self.terminal.result_part(&text)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave(self.terminal, &self.has_left);
    }
}

/// Once: the cursor would go back a second time.
fn leave(terminal: Terminal, has_left: &AtomicBool) {
    if !has_left.swap(true, Ordering::Relaxed) {
        // A terminal that is gone needs nothing.
        terminal.result_part(LEAVE).ok();
    }
}
