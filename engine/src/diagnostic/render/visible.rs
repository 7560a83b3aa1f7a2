//! Text that a terminal only shows, and never obeys.

/// Characters of a message at most.
const LONGEST: usize = 1000;

/// `c`, or a picture of it where it would move the cursor, begin an escape sequence or
/// reorder what stands around it.
pub(super) fn visible(c: char) -> char {
    match c {
        '\t' => c,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7f}' => '␡',
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => char::REPLACEMENT_CHARACTER,
        _ => c,
    }
}

/// One line of a message.
pub(super) fn line(text: &str) -> String {
    let mut shown: String =
        text.chars().take(LONGEST).map(|c| if matches!(c, '\n' | '\t') { ' ' } else { visible(c) }).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
