//! The app as one process, with its store in a folder.

use pathway_tests::finance::{Draft, Finance};
use pathway_tests::kafka::Kafka;

/// The broker, where the app can be had on it.
pub(crate) async fn kafka() -> Option<Kafka> {
    Kafka::shared().await
}

/// The app on a broker.
pub(crate) async fn draft(kafka: &Kafka) -> Draft {
    Draft::new(Some(kafka)).await
}

/// The app on a broker, as it is served.
pub(crate) async fn over(kafka: &Kafka) -> Finance {
    draft(kafka).await.start().await
}

/// The app with the bus that its shape has by itself.
pub(crate) async fn own() -> Option<Draft> {
    Some(Draft::new(None).await)
}

/// As [`own`], as it is served.
pub(crate) async fn served() -> Option<Finance> {
    Some(own().await?.start().await)
}
