//! A verb's section of the reference: in `docs/language.md`, and by `pathway explain`.

use std::fmt::Write;

use super::Spec;

impl Spec {
    /// What it does, its fields and an example, as Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = format!("**`{}`** {}. Output: {}.\n", self.name, self.summary, self.output);
        let fields: Vec<_> = self.fields().iter().chain(self.beside).collect();
        if !fields.is_empty() {
            page.push_str("\n| field | takes | what it is |\n| --- | --- | --- |\n");
        }
        for field in fields {
            let needed = if field.is_required { ", required" } else { "" };
            let _written =
                writeln!(page, "| `{}` | {}{needed} | {} |", field.name, field.takes, field.summary);
        }
        let _written = write!(page, "\n```yaml run\n{}```\n", self.example);
        page
    }
}
