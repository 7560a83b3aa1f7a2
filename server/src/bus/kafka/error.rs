//! Errors of the client as ours: what may work later, and what never will.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::super::BusError;

/// Of a client that answers no more.
pub(super) fn closed() -> BusError {
    BusError::Away("the Kafka client was closed".to_owned())
}

/// What became of a record that was not acknowledged.
pub(super) fn of_delivery(error: &KafkaError, topic: &str) -> BusError {
    let Some(code) = error.rdkafka_error_code() else { return BusError::Away(error.to_string()) };
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge => {
            BusError::TooLarge(format!("a record for topic `{topic}` is larger than Kafka takes"))
        }
        RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownPartition => {
            BusError::Refused(format!("there is no topic `{topic}` in Kafka, and it makes none by itself"))
        }
        RDKafkaErrorCode::InvalidTopic => {
            BusError::Refused(format!("`{topic}` cannot be the name of a topic in Kafka"))
        }
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            BusError::Refused(format!("Kafka does not let this client write to topic `{topic}`"))
        }
        // It is sent again with another time, once the clock is right.
        RDKafkaErrorCode::InvalidTimestamp => BusError::Away(format!(
            "Kafka does not take the time of a record for topic `{topic}`: \
             the clock of this machine is wrong, or the broker's"
        )),
        RDKafkaErrorCode::PolicyViolation
        | RDKafkaErrorCode::InvalidRecord
        | RDKafkaErrorCode::InvalidMessageSize => {
            BusError::Refused(format!("Kafka does not take a record for topic `{topic}`: {code}"))
        }
        _ => BusError::Away(format!("a record for topic `{topic}` was not acknowledged: {code}")),
    }
}

/// Of a question that was not answered.
pub(super) fn of_question(error: &KafkaError) -> BusError {
    BusError::Away(match error.rdkafka_error_code() {
        Some(code) => format!("Kafka did not answer: {code}"),
        None => "Kafka did not answer".to_owned(),
    })
}

/// Whether a place is not there.
pub(super) fn is_out_of_range(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AutoOffsetReset
                | RDKafkaErrorCode::OffsetOutOfRange
                | RDKafkaErrorCode::LogTruncation
        )
    )
}

/// Whether a broker has answered, and will say something else soon: of topics that were just made,
/// and of groups that nobody has asked for before.
pub(super) fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::UnknownTopicOrPartition
                | Code::UnknownPartition
                | Code::NoOffset
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress
                | Code::NotCoordinator
        )
    )
}
