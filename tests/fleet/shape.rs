//! The app as two gateways and two workers, over Kafka, with one store in PostgreSQL.

use pathway_tests::finance::{Draft, Finance};
use pathway_tests::kafka::Kafka;
use pathway_tests::postgres::Postgres;

/// The broker, where the app can be had on it.
pub(crate) async fn kafka() -> Option<Kafka> {
    Postgres::shared().await?;
    Kafka::shared().await
}

/// The app on a broker.
pub(crate) async fn draft(kafka: &Kafka) -> Draft {
    let Some(postgres) = Postgres::shared().await else { panic!("no PostgreSQL") };
    Draft::new(Some(kafka)).await.split(&postgres.schema().await)
}

/// The app on a broker, as it is served.
pub(crate) async fn over(kafka: &Kafka) -> Finance {
    draft(kafka).await.start().await
}

/// The app with the bus that its shape has by itself.
pub(crate) async fn own() -> Option<Draft> {
    Some(draft(&kafka().await?).await)
}

/// As [`own`], as it is served.
pub(crate) async fn served() -> Option<Finance> {
    Some(own().await?.start().await)
}
