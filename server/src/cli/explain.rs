//! `pathway explain`

use pathway_engine::diagnostic::{did_you_mean, page, pages};

use super::{Exit, Failure, Outcome, Session};

/// Explains the code of a diagnostic; without a code, lists them all
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// Such as PW0101
    code: Option<String>,
    /// Lists as JSON
    #[arg(long, conflicts_with = "code")]
    json: bool,
}

#[derive(serde::Serialize)]
struct Listed {
    code: &'static str,
    title: &'static str,
}

impl Explain {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let Some(code) = &self.code else { return self.list(session) };
        match page(code) {
            Some(page) => session.terminal.result(page.trim_end())?,
            None => {
                let codes = pages().iter().map(|(code, _)| *code);
                let close = did_you_mean(&code.to_uppercase(), codes);
                let help = match close {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => "list all codes with `pathway explain`".to_owned(),
                };
                return Err(Failure::new(Exit::Usage, format!("there is no code `{code}`")).help(help));
            }
        }
        Ok(Exit::Success)
    }

    fn list(&self, session: &Session) -> Outcome {
        let listed: Vec<Listed> =
            pages().iter().map(|(code, page)| Listed { code, title: title(page) }).collect();
        if self.json {
            session.terminal.json(&listed)?;
        } else {
            let lines: Vec<String> = listed.iter().map(|l| format!("{}  {}", l.code, l.title)).collect();
            session.terminal.result(&lines.join("\n"))?;
        }
        Ok(Exit::Success)
    }
}

/// What follows `# CODE: ` in the first line.
fn title(page: &str) -> &str {
    let line = page.lines().next().unwrap_or("");
    line.split_once(": ").map_or(line, |(_, title)| title)
}
