//! The bus in Apache Kafka through its public interface, on the mock brokers of the Kafka client.
//! `PATHWAY_TEST_KAFKA=HOST:PORT` runs all but the outages on a real broker instead.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod consume;
#[cfg(test)]
mod options;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod publish;
#[cfg(test)]
mod rebalance;
#[cfg(test)]
mod start;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tail;
