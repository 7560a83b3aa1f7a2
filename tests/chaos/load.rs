//! What is asked of the shop while things go wrong: records of a producer, and requests of clients
//! that ask again as often as they have to, under the same key.

use std::collections::BTreeSet;
use std::time::Duration;

use pathway_tests::kafka::{Kafka, Message, Writer};
use pathway_tests::{Address, Chance, Kept};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::shop::Shop;
use crate::upstream::said;

/// Whose orders come one after the other.
const CUSTOMERS: i64 = 5;
/// Clients that order, and clients that ask for approvals.
const CLIENTS: i64 = 3;
/// The numbers of each client begin with so much more than those of the one before.
const STRIDE: i64 = 1_000_000;
/// Between two records.
const PACE: Duration = Duration::from_millis(250);
/// Before a client asks again.
const AGAIN: Duration = Duration::from_millis(200);

/// What was asked for, by numbers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Orders that came as records.
    pub(crate) records: BTreeSet<i64>,
    /// Orders that came as requests.
    pub(crate) requests: BTreeSet<i64>,
    /// Approvals.
    pub(crate) approvals: BTreeSet<i64>,
}

impl Asked {
    /// All orders.
    pub(crate) fn orders(&self) -> BTreeSet<i64> {
        self.records.union(&self.requests).copied().collect()
    }
}

/// Whoever asks.
#[derive(Debug)]
pub(crate) struct Load {
    until: watch::Sender<bool>,
    tasks: JoinSet<Asked>,
}

fn customer(number: i64) -> String {
    format!("customer-{}", number % CUSTOMERS)
}

pub(crate) fn items(number: i64) -> Vec<i64> {
    (1..=number % 4).collect()
}

/// An order, as it is given.
pub(crate) fn order(number: i64) -> Value {
    json!({"number": number, "customer": customer(number), "items": items(number)})
}

/// The number of an order, from what it is called.
pub(crate) fn number_of(order: &str) -> i64 {
    order.trim_start_matches("order ").parse().unwrap()
}

/// What is answered to an order.
pub(crate) fn answer(number: i64) -> Value {
    let reserved: Vec<_> =
        items(number).into_iter().map(|item| said("reserve", number, Some(item))).collect();
    json!({
        "number": number,
        "stock": said("stock", number, None),
        "price": said("price", number, None),
        "reserved": reserved,
        "mailed": said("mail", number, None),
        "packed": said("pack", number, None),
        "booked": said("book", number, None),
    })
}

/// What comes of an approval.
pub(crate) fn approved(number: i64) -> Value {
    json!({"number": number, "by": format!("boss {number}"), "filed": said("file", number, None)})
}

/// An order as a record.
fn record(number: i64) -> Message {
    Message::to("orders").key(&customer(number)).json(&order(number))
}

/// Orders as records.
pub(crate) async fn produce(kafka: &Kafka, numbers: impl Iterator<Item = i64>) {
    kafka.write(numbers.map(record)).await;
}

impl Load {
    /// Begins to ask.
    pub(crate) fn begin(shop: &Shop, chance: &mut Chance) -> Self {
        let until = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(send(Writer::new(&shop.kafka), until.subscribe()));
        for client in 1..=CLIENTS {
            let mut doors = || Doors::new(shop, chance.another());
            tasks.spawn(doors().order(client * STRIDE, until.subscribe()));
            tasks.spawn(doors().approve(client * STRIDE, until.subscribe()));
        }
        Self { until, tasks }
    }

    /// Asks for nothing more; what was asked for, when all clients have their answers.
    pub(crate) async fn end(mut self) -> Asked {
        self.until.send_replace(true);
        let mut all = Asked::default();
        while let Some(asked) = self.tasks.join_next().await {
            let asked = asked.unwrap();
            all.records.extend(asked.records);
            all.requests.extend(asked.requests);
            all.approvals.extend(asked.approvals);
        }
        all
    }
}

/// A producer, which waits for a broker that is away as every client of it does.
async fn send(writer: Writer, until: watch::Receiver<bool>) -> Asked {
    let mut next = 0;
    while !*until.borrow() {
        writer.write((next..next + 2).map(record)).await;
        next += 2;
        tokio::time::sleep(2 * PACE).await;
    }
    writer.close().await;
    Asked { records: (0..next).collect(), ..Asked::default() }
}

/// The doors, as one client knows them.
#[derive(Debug)]
pub(crate) struct Doors {
    client: Client,
    doors: Vec<Address>,
    chance: Chance,
}

impl Doors {
    pub(crate) fn new(shop: &Shop, chance: Chance) -> Self {
        let doors = shop.doors().iter().map(Kept::address).collect();
        Self { client: Client::builder().no_proxy().build().unwrap(), doors, chance }
    }

    /// Orders, one after the other, and looks at each answer.
    async fn order(mut self, from: i64, until: watch::Receiver<bool>) -> Asked {
        let mut next = from;
        while !*until.borrow() {
            let body = order(next);
            // Some would rather look again than wait.
            let is_patient = next % 3 != 0;
            let key = format!("order-{next}");
            let ask = |client: &Client, door: &str| {
                let request = post(client, &format!("{door}/orders"), &key, &body);
                if is_patient { request } else { request.header("prefer", "wait=1") }
            };
            let (status, mut answered) = self.ask(ask, &[StatusCode::OK, StatusCode::ACCEPTED]).await;
            if status == StatusCode::ACCEPTED {
                answered = self.result(answered["id"].as_str().unwrap()).await;
            }
            assert_eq!(answered, answer(next), "the answer to order {next}");
            next += 1;
        }
        Asked { requests: (from..next).collect(), ..Asked::default() }
    }

    /// Orders once, at one of the doors, all of which are open; what that one says.
    pub(crate) fn order_once(&mut self, number: i64) -> impl Future<Output = (StatusCode, Value)> + use<> {
        let door = self.chance.of(&self.doors).now().unwrap();
        let ordered = order_at(&self.client, &door, number);
        async { ordered.await.unwrap() }
    }

    /// Asks for approvals and gives them, without waiting for what comes of it.
    async fn approve(mut self, from: i64, until: watch::Receiver<bool>) -> Asked {
        let mut next = from;
        while !*until.borrow() {
            let body = json!({"number": next});
            let key = format!("approval-{next}");
            let ask = |client: &Client, door: &str| post(client, &format!("{door}/approvals"), &key, &body);
            let (_, run) = self.ask(ask, &[StatusCode::ACCEPTED]).await;
            let path = format!("/api/runs/{}/signals/approved", run["id"].as_str().unwrap());
            let body = json!({"by": format!("boss {next}")});
            let signal = |client: &Client, door: &str| post(client, &format!("{door}{path}"), &key, &body);
            // Of a signal whose answer was lost the run may be over already.
            self.ask(signal, &[StatusCode::ACCEPTED, StatusCode::CONFLICT]).await;
            next += 1;
            tokio::time::sleep(PACE).await;
        }
        Asked { approvals: (from..next).collect(), ..Asked::default() }
    }

    /// What came of a run.
    async fn result(&mut self, run: &str) -> Value {
        loop {
            let ask = |client: &Client, door: &str| client.get(format!("{door}/api/runs/{run}?wait=30"));
            let (_, mut shown) = self.ask(ask, &[StatusCode::OK]).await;
            match shown["status"].as_str() {
                Some("ready") => {}
                Some("succeeded") => return shown["result"].take(),
                _ => panic!("run {run} ended otherwise: {shown}"),
            }
        }
    }

    /// Asks at one door after the other until one says what is expected. Where a door is closed, or
    /// says that it cannot for now, it is asked again.
    pub(crate) async fn ask(
        &mut self,
        request: impl Fn(&Client, &str) -> RequestBuilder,
        expected: &[StatusCode],
    ) -> (StatusCode, Value) {
        loop {
            let door = self.chance.of(&self.doors).now();
            if let Some(door) = door
                && let Ok(answer) = request(&self.client, &door).send().await
            {
                let status = answer.status();
                match json_of(answer).await {
                    Some(json) if expected.contains(&status) => return (status, json),
                    Some(json) => assert!(is_passing(status), "{status}: {json}"),
                    None => {}
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Orders at a door; none where it gives no answer.
pub(crate) fn order_at(
    client: &Client,
    door: &str,
    number: i64,
) -> impl Future<Output = Option<(StatusCode, Value)>> + use<> {
    let key = format!("order-{number}");
    let request = post(client, &format!("{door}/orders"), &key, &order(number));
    async {
        let answer = request.send().await.ok()?;
        Some((answer.status(), json_of(answer).await?))
    }
}

fn post(client: &Client, url: &str, key: &str, body: &Value) -> RequestBuilder {
    let request = client.post(url).header("content-type", "application/json");
    request.header("idempotency-key", key).body(body.to_string())
}

/// None: the answer broke off.
async fn json_of(answer: Response) -> Option<Value> {
    let text = answer.text().await.ok()?;
    Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// What a client asks again after.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}
