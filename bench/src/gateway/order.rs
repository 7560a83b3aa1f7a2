//! Requests that are answered by three pure steps.

use reqwest::{Client, RequestBuilder, StatusCode};

use crate::kafka::cluster::{self, Cluster};
use crate::kafka::worker;
use crate::load::{self, Ask};
use crate::project::Project;
use crate::server::{Server, Target};
use crate::{Check, order, pathway};

/// A server whose door is such a pathway.
pub(super) struct Order {
    server: Server,
    client: Client,
    check: Check,
    _project: Project,
}

impl Order {
    /// One whose bus is a part of it.
    pub(super) fn embedded(target: &Target, check: Check) -> Result<Self, String> {
        Self::start(target, "", "three", check)
    }

    /// One over Kafka.
    pub(super) fn kafka(target: &Target, cluster: &Cluster, check: Check) -> Result<Self, String> {
        let topic = cluster::name("requests");
        cluster.make(&[&topic], &[])?;
        Self::start(target, &worker::settings(cluster, &topic), &topic, check)
    }

    fn start(target: &Target, settings: &str, topic: &str, check: Check) -> Result<Self, String> {
        let door =
            format!("on: {{ topic: {topic}, http: {{ post: /three, mode: wait, auth: none }} }}\nsteps:");
        let project = Project::new(settings, &pathway::THREE.replacen("steps:", &door, 1))?;
        let server = target.start_with(Some(&project.file()), &[])?;
        server.wait_for_work()?;
        Ok(Self { server, client: load::client()?, check, _project: project })
    }
}

impl Ask for Order {
    fn request(&self, n: u64) -> RequestBuilder {
        let url = format!("http://{}/three", self.server.address);
        self.client.post(url).header("content-type", "application/json").body(order::input(n))
    }

    fn check(&self, n: u64, status: StatusCode, body: &str) -> Result<(), String> {
        let [.., expected] = order::outputs(n);
        self.check.same("a request", &format!("{status} {body}"), &format!("200 OK {expected}"))
    }
}
