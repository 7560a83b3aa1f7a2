//! `pathway explain`

use pathway_engine::diagnostic::{did_you_mean, page, pages};
use pathway_engine::expression::filters;
use pathway_engine::steps::{Spec, VERBS, verb};

use super::{Exit, Failure, Outcome, Session};

/// Explains the code of a problem, a verb or a filter; without a name, lists all codes
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// Such as PW0101, http or sum_by
    name: Option<String>,
    /// Lists as JSON
    #[arg(long, conflicts_with = "name")]
    json: bool,
}

#[derive(serde::Serialize)]
struct Listed {
    code: &'static str,
    title: &'static str,
}

impl Explain {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let Some(name) = &self.name else { return self.list(session) };
        let found = page(name).map(str::to_owned);
        let found = found.or_else(|| verb(name).map(Spec::page)).or_else(|| filters::page(name));
        let Some(found) = found else { return Err(unknown(name)) };
        session.terminal.result(found.trim_end())?;
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

fn unknown(name: &str) -> Failure {
    let upper = name.to_uppercase();
    let code = did_you_mean(&upper, pages().iter().map(|(code, _)| *code));
    let names = VERBS.iter().map(|verb| verb.name).chain(filters::names());
    let help = match code.or_else(|| did_you_mean(name, names)) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "list all codes with `pathway explain`".to_owned(),
    };
    let what = if upper.starts_with("PW") { "code" } else { "code, verb or filter" };
    Failure::new(Exit::Usage, format!("there is no {what} `{name}`")).help(help)
}

/// What follows `# CODE: ` in the first line.
fn title(page: &str) -> &str {
    let line = page.lines().next().unwrap_or("");
    line.split_once(": ").map_or(line, |(_, title)| title)
}
