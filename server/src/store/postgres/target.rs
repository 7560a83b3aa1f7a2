//! Which database, and how it is reached.

use std::fmt;
use std::time::Duration;

use pathway_engine::project::Secret;
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::causes::with_causes;

/// A connection with its TLS, if it has any.
pub(super) type Connection =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// How long reaching the server may take, where the URL does not say.
const CONNECT: Duration = Duration::from_secs(5);
/// A server that does not answer the network for so long is gone.
const SILENCE: Duration = Duration::from_secs(30);
/// Schemes of its URLs.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Why a URL is none of a database.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`store.postgres` is not a URL of a database: {0}")]
pub struct PostgresUrlError(String);

/// A database. Its password is never shown.
#[derive(Clone)]
pub(super) struct Target {
    config: Config,
    tls: MakeRustlsConnect,
    /// As it is named in messages.
    pub(super) place: String,
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place)
    }
}

impl Target {
    pub(super) fn new(url: &Secret) -> Result<Self, PostgresUrlError> {
        // Anything else would be read as `name=value`, and shown by what is said of it.
        if !SCHEMES.iter().any(|scheme| url.reveal().starts_with(scheme)) {
            return Err(PostgresUrlError(
                "it begins with neither `postgres://` nor `postgresql://`".to_owned(),
            ));
        }
        let mut config: Config =
            url.reveal().parse().map_err(|error| PostgresUrlError(with_causes(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(PostgresUrlError("it names no host".to_owned()));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("pathway");
        }
        config
            .keepalives_idle(SILENCE)
            .tcp_user_timeout(SILENCE)
            // What is committed is to be read at once, and a copy takes no changes.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let tls = ClientConfig::with_platform_verifier()
            .map_err(|error| PostgresUrlError(format!("TLS cannot be had: {error}")))?;
        Ok(Self { place: place(&config), config, tls: MakeRustlsConnect::new(tls) })
    }

    /// A connection, for whoever drives it.
    pub(super) async fn open(&self) -> Result<(Client, Connection), tokio_postgres::Error> {
        self.config.connect(self.tls.clone()).await
    }

    /// A connection, which ends with its client.
    pub(super) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.open().await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = with_causes(&error), "a connection to PostgreSQL was lost");
            }
        });
        Ok(client)
    }
}

/// Hosts and database, without who asks.
fn place(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let port = |n: usize| {
        let ports = config.get_ports();
        ports.get(n).or(ports.first()).copied().unwrap_or(5432)
    };
    let hosts: Vec<_> = hosts.enumerate().map(|(n, host)| format!("{host}:{}", port(n))).collect();
    format!("postgres://{}/{}", hosts.join(","), config.get_dbname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, PostgresUrlError> {
        Target::new(&Secret::new(url))
    }

    #[test]
    fn is_named_without_its_password() {
        let named = |url| target(url).unwrap().place;
        assert_eq!(named("postgres://ann:s3cret@db.test/runs"), "postgres://db.test:5432/runs");
        assert_eq!(named("postgresql://a:1,b:2/runs?password=s3cret"), "postgres://a:1,b:2/runs");
        assert_eq!(format!("{:?}", target("postgres://ann:s3cret@h/d").unwrap()), "postgres://h:5432/d");
    }

    #[test]
    fn says_what_is_wrong_with_a_url_without_showing_it() {
        for wrong in
            ["s3cret", "host=h password=s3cret", "postgres:///s3cret", "postgres://h/d?sslmode=s3cret"]
        {
            let message = target(wrong).unwrap_err().to_string();
            assert!(message.starts_with("`store.postgres` is not a URL of a database: "), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}
