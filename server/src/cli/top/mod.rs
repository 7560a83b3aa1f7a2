//! `pathway top`: a running server at a glance, again and again.
//!
//! It asks the admin listener for one overview at a time, as everybody may (`GET /overview`); rates are
//! what two of them differ in. Nobody is asked between looks, and the server counts nothing for it. One
//! that goes away is asked again at each look, also at another address.

mod cells;
mod picture;
mod rates;
mod screen;
mod sections;
mod seen;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::document::scalar::parse_duration;
use reqwest::Method;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

use self::picture::picture;
use self::screen::Screen;
use self::seen::Seen;
use super::operator::{Operator, block_on};
use super::run::Style;
use super::serve::asked_to_stop;
use super::{Exit, Failure, Outcome, Session};
use crate::config::Config;
use crate::operations::Overview;

/// From one look to the next, where nothing is said.
const EVERY: Duration = Duration::from_secs(1);
/// The shortest and the longest that may be said.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3600);
/// For a server to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Shows what a running server does: runs, limits, circuits, topics
///
/// On a terminal it looks again each second, until Ctrl-C; elsewhere once, unless `--every` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Top {
    /// How long from one look to the next, such as 2s
    #[arg(long, value_name = "TIME", value_parser = every)]
    every: Option<Duration>,
    /// Looks once and ends
    #[arg(long, conflicts_with = "every")]
    once: bool,
    /// As JSON, an object a line for each look
    #[arg(long)]
    json: bool,
}

fn every(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).filter(|time| (SHORTEST..=LONGEST).contains(time));
    time.ok_or_else(|| "a time from `100ms` to `1h`, such as `2s`".to_owned())
}

impl Top {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let config = session.load()?;
        session.tell(&config)?;
        session.log_little(&config)?;
        block_on(self.look_on(session, &config))
    }

    async fn look_on(&self, session: &Session, config: &Config) -> Outcome {
        let stop = asked_to_stop();
        tokio::pin!(stop);
        let is_live = session.terminal.is_live() && !self.once;
        let (url, overview) = look(config).await.map_err(|failure| match failure.exit() {
            Exit::Temporary => failure.help("start a server with `pathway serve`"),
            _ => failure,
        })?;
        let mut seen = Seen::new(url, overview, Instant::now());
        if self.once || (!is_live && self.every.is_none()) {
            self.show(session, &seen, None)?;
            return Ok(Exit::Success);
        }
        let screen = match is_live && !self.json {
            true => Some(Screen::enter(session.terminal)?),
            false => None,
        };
        let mut resized = signal(SignalKind::window_change()).ok();
        let every = self.every.unwrap_or(EVERY);
        let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.show(session, &seen, screen.as_ref())?;
        loop {
            tokio::select! {
                () = &mut stop => return Ok(Exit::Success),
                () = was_resized(&mut resized), if screen.is_some() => {
                    self.show(session, &seen, screen.as_ref())?;
                    continue;
                }
                _ = ticks.tick() => {}
            }
            let looked = tokio::select! {
                () = &mut stop => return Ok(Exit::Success),
                looked = look(config) => looked,
            };
            let was_away = seen.is_away();
            let is_news = match looked {
                Ok((url, overview)) => {
                    seen.see(url, overview, Instant::now());
                    true
                }
                Err(failure) => {
                    seen.miss(&failure, Timestamp::now());
                    false
                }
            };
            if screen.is_some() || is_news {
                if screen.is_none() && was_away {
                    session.terminal.note("the server answers again")?;
                }
                self.show(session, &seen, screen.as_ref())?;
            } else if let (Some(why), false) = (seen.why_away(), was_away) {
                session.terminal.error(why, Some("it is asked again at each look"))?;
            }
        }
    }

    /// Shows what was seen last.
    fn show(&self, session: &Session, seen: &Seen, screen: Option<&Screen>) -> Result<(), Failure> {
        let terminal = session.terminal;
        if self.json {
            return Ok(terminal.json_line(&seen.told())?);
        }
        let style = Style { color: terminal.colors_results() };
        let size = terminal.size();
        match screen {
            Some(screen) => screen.draw(&picture(seen, Timestamp::now(), size, style))?,
            None => {
                let size = (size.0, None);
                terminal.result(&picture(seen, Timestamp::now(), size, style).join("\n"))?;
            }
        }
        Ok(())
    }
}

/// Asks the server of the project, wherever it is now.
async fn look(config: &Config) -> Result<(String, Overview), Failure> {
    let operator = Operator::server(config)?;
    let overview = tokio::time::timeout(PATIENCE, operator.ask(Method::GET, "/overview", None));
    let overview = overview.await.unwrap_or_else(|_| {
        let message = format!("the server did not answer within {} s", PATIENCE.as_secs());
        Err(Failure::new(Exit::Temporary, message))
    })?;
    let url = match operator {
        Operator::Server { url, .. } => url,
        Operator::Store(_) => String::new(),
    };
    Ok((url, overview))
}

async fn was_resized(resized: &mut Option<Signal>) {
    if let Some(resized) = resized
        && resized.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
