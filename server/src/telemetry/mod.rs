//! What the program tells of itself: log lines on standard error, metrics to whoever asks, and spans to a collector.

mod classic;
pub mod metrics;
pub mod traces;

use std::io::IsTerminal;

use pathway_engine::project::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Variables that say what is logged, the strongest first; over the project's `log.level`.
pub const VARIABLES: [&str; 2] = ["PATHWAY_LOG", "RUST_LOG"];

/// Why logging did not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of a variable cannot be read.
    #[error("the filter in `{name}` cannot be read: {reason}")]
    Filter {
        /// The variable.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something logs already.
    #[error("logging has begun already")]
    Twice,
}

/// What is logged: a level, or directives such as `info,pathway_server::bus=debug`.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Where it came from, for messages.
    pub name: String,
    /// Levels and targets.
    pub directives: String,
}

impl Filter {
    /// The filter of the environment, else the level of the project. `verbosity` is how many
    /// levels a flag asked for more, or less.
    #[must_use]
    pub fn choose(log: &Log, verbosity: i8, variable: impl Fn(&str) -> Option<String>) -> Self {
        let of_variable = VARIABLES.iter().find_map(|name| {
            let directives = variable(name).filter(|text| !text.trim().is_empty())?;
            Some(Self { name: (*name).to_owned(), directives })
        });
        if verbosity == 0
            && let Some(filter) = of_variable
        {
            return filter;
        }
        let levels = pathway_engine::project::LogLevel::WORDS;
        let base = levels.iter().position(|(_, level)| *level == log.level).unwrap_or(2);
        let index = base.saturating_add_signed(isize::from(verbosity)).min(levels.len() - 1);
        let directives = levels.get(index).map_or("info", |(name, _)| name).to_owned();
        Self { name: "log.level".to_owned(), directives }
    }
}

/// Begins to log to standard error: where nothing is said of the form, for people on a terminal and else for
/// programs.
///
/// # Errors
/// If the filter cannot be read, or something logs already.
pub fn init(format: LogFormat, filter: &Filter) -> Result<(), TelemetryError> {
    let is_terminal = std::io::stderr().is_terminal();
    let format = match format {
        LogFormat::Auto if is_terminal => LogFormat::Pretty,
        LogFormat::Auto => LogFormat::Json,
        format => format,
    };
    let color = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let subscriber = subscriber(format, filter, color, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Twice)
}

/// What writes log lines of `format` to `writer`.
///
/// # Errors
/// If the filter cannot be read.
pub fn subscriber<W>(
    format: LogFormat,
    filter: &Filter,
    color: bool,
    writer: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let directives = EnvFilter::builder()
        .parse(&filter.directives)
        .map_err(|error| TelemetryError::Filter { name: filter.name.clone(), reason: error.to_string() })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(directives)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(color)
        .with_writer(writer);
    Ok(match format {
        LogFormat::Pretty => Box::new(builder.pretty().finish()),
        LogFormat::Compact => Box::new(builder.compact().finish()),
        LogFormat::Json | LogFormat::Auto => Box::new(builder.json().flatten_event(true).finish()),
        LogFormat::Classic => {
            let builder = builder.with_ansi(false).fmt_fields(classic::Fields).event_format(classic::Lines);
            Box::new(builder.finish())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, directives: &str, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let filter = Filter { name: "test".to_owned(), directives: directives.to_owned() };
        let writer = sink.clone();
        let subscriber = subscriber(format, &filter, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    fn event() {
        let span = tracing::info_span!("run", run = 7);
        span.in_scope(|| tracing::warn!(topic = "orders", took = 1.5, "queue\nis full"));
    }

    #[test]
    fn classic_lines() {
        let text = logged(LogFormat::Classic, "info", event);
        let (time, rest) = text.split_at(19);
        assert!(jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", time).is_ok(), "{time}");
        assert_eq!(rest, " - pathway-processor - WARNING - queue\\nis full topic=orders took=1.5 run=7\n");
    }

    #[test]
    fn json_lines() {
        let text = logged(LogFormat::Json, "info", event);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["topic"], "orders");
        assert_eq!(line["message"], "queue\nis full");
    }

    #[test]
    fn filters() {
        assert_eq!(logged(LogFormat::Compact, "error", event), "");
        assert!(logged(LogFormat::Pretty, "warn", event).contains("is full"));
        let filter = Filter { name: "RUST_LOG".to_owned(), directives: "a=b=c".to_owned() };
        let error = subscriber(LogFormat::Compact, &filter, false, io::sink).err().unwrap();
        assert!(error.to_string().contains("RUST_LOG"), "{error}");
    }

    #[test]
    fn the_strongest_filter_is_chosen() {
        let chosen = |verbosity, set: &'static [(&str, &str)]| {
            let variable = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            Filter::choose(&Log::default(), verbosity, variable).directives
        };
        assert_eq!(chosen(0, &[]), "info");
        assert_eq!(chosen(1, &[]), "debug");
        assert_eq!(chosen(9, &[]), "trace");
        assert_eq!(chosen(-9, &[]), "error");
        assert_eq!(chosen(0, &[("RUST_LOG", "warn")]), "warn");
        assert_eq!(chosen(0, &[("RUST_LOG", "warn"), ("PATHWAY_LOG", "trace")]), "trace");
        assert_eq!(chosen(1, &[("RUST_LOG", "warn")]), "debug", "a flag is stronger");
        assert_eq!(chosen(0, &[("RUST_LOG", " ")]), "info");
    }
}
