//! Brokers: mock ones on a thread of their own, or a real one.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

type Mock = MockCluster<'static, DefaultProducerContext>;
type Job = Box<dyn FnOnce(&Mock) + Send>;

pub(crate) struct Cluster {
    pub(crate) servers: String,
    /// None: it is a real one.
    mock: Option<Mutex<Sender<Job>>>,
}

impl Cluster {
    /// The one that tests share which do it no harm.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| match std::env::var("PATHWAY_TEST_KAFKA") {
            Ok(servers) => Self { servers, mock: None },
            Err(_) => Self::mock(),
        })
    }

    /// Mock brokers for one test alone.
    pub(crate) fn mock() -> Self {
        let (jobs, queue) = channel::<Job>();
        let (told, servers) = channel();
        // They cannot be sent to another thread, so what is asked of them is.
        std::thread::spawn(move || {
            let mock = MockCluster::new(1).unwrap();
            told.send(mock.bootstrap_servers()).unwrap();
            for job in queue {
                job(&mock);
            }
        });
        Self { servers: servers.recv().unwrap(), mock: Some(Mutex::new(jobs)) }
    }

    pub(crate) fn is_real(&self) -> bool {
        self.mock.is_none()
    }

    /// Asks the mock brokers for something; returns when it is done.
    pub(crate) fn ask(&self, job: impl FnOnce(&Mock) + Send + 'static) {
        let (done, answer) = channel();
        let job: Job = Box::new(move |mock| {
            job(mock);
            done.send(()).unwrap();
        });
        self.mock.as_ref().expect("mock brokers").lock().unwrap().send(job).unwrap();
        answer.recv().unwrap();
    }

    /// A topic with a name of its own.
    pub(crate) async fn topic(&self, name: &str, partitions: i32) -> String {
        let topic = format!("{name}-{}", uuid::Uuid::new_v4());
        self.create(&topic, partitions).await;
        topic
    }

    pub(crate) async fn create(&self, topic: &str, partitions: i32) {
        if self.mock.is_some() {
            let topic = topic.to_owned();
            return self.ask(move |mock| mock.create_topic(&topic, partitions, 1).unwrap());
        }
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.servers).create().unwrap();
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let wait = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
        admin.create_topics([&new], &wait).await.unwrap().remove(0).unwrap();
    }
}
