//! A disk that is full: the process ends rather than go on with what may not be true, and all is
//! there again, with more room, that was acknowledged.
//!
//! What is full is a limit on the size of files, which a shell sets for the process that it becomes:
//! it needs no privileges.

use std::collections::BTreeSet;

use pathway_server::store::{Outlet, SqliteStore};
use pathway_tests::{Log, Server, binary, soon};
use reqwest::{Client, StatusCode};
use tokio::process::Command;

use crate::faults::Toll;
use crate::load::{answer, order_at};
use crate::project::Project;
use crate::upstream::Upstream;
use crate::verdict::{each_once, no_finished_step_again, nothing_is_left, runs};

/// 1 MiB in blocks of 512 bytes: enough to begin with.
const LITTLE_ROOM: &str = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"";
/// Orders; many more than there is room for.
const ORDERS: i64 = 60;
/// How a process ends that cannot go on.
const CANNOT_GO_ON: Option<i32> = Some(70);

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_it_ends_and_loses_nothing() {
    let upstream = Upstream::start().await;
    let project = Project::new(&upstream, "");
    let (log, client) = (Log::default(), Client::builder().no_proxy().build().unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", LITTLE_ROOM]).arg(binary());
    let server = Server::spawn_by(command, "serve", project.folder(), &project.environment, &log);
    let door = soon("a server that serves", server.listens()).await;

    let mut answered = 0;
    while let Some((StatusCode::OK, said)) = order_at(&client, &door, answered).await {
        assert_eq!(said, answer(answered));
        answered += 1;
        assert!(answered < ORDERS, "there is room for all");
    }
    let (status, said) = server.end().await;
    assert_eq!(status.code(), CANNOT_GO_ON, "{said}");
    assert!(said.contains("the store has stopped"), "{said}");

    let server = Server::launch(project.folder(), &project.environment, &log).await;
    for number in 0..ORDERS {
        let said = soon("an answer", order_at(&client, &server.url(""), number)).await;
        assert_eq!(said, Some((StatusCode::OK, answer(number))));
    }
    server.terminate().await;
    let (status, said) = server.end().await;
    assert!(status.success(), "{said}");

    println!("{answered} orders were answered before the disk was full");
    no_finished_step_again(&upstream.calls(), &Toll::default());
    let store = SqliteStore::open_with(&project.folder().join("data"), Outlet::Topics).unwrap();
    each_once(&runs(&store, "order").await, &(0..ORDERS).collect::<BTreeSet<_>>(), answer);
    nothing_is_left(&store).await;
}
