//! The network, and the services behind it. A service is told what to do by the path of a call; it
//! answers the same to the same, and what it has seen is kept with the promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use pathway_engine::Value;
use pathway_engine::vm::{Class, Failure, HttpRequest, Parse};
use pathway_server::effects::http::{Context, Target, Transport, counts_against_circuit};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::happening::Fault;
use super::life::{Dead, Life};
use super::mutation::Mutation;
use super::world::AWAY;

/// What a path has that is always answered with 400.
pub(crate) const POISON: &str = "poison";

/// What is said of a service that is away, with who called and how often that was answered before.
pub(crate) const IS_AWAY: &str = "is away (";

/// What is answered piece by piece.
const PIECES: [&str; 3] = ["one ", "two ", "three"];

/// A process's way to services.
#[derive(Debug)]
pub(crate) struct Network {
    life: Arc<Life>,
    /// How often the service has answered this process that is away now and then.
    answers: AtomicU64,
}

impl Network {
    pub(crate) const fn new(life: Arc<Life>) -> Self {
        Self { life, answers: AtomicU64::new(0) }
    }

    /// Fails as calls do of a service that is away.
    async fn fail(&self, request: &HttpRequest, limit: Duration, how: Fault) -> Result<Value, Failure> {
        let world = &self.life.world;
        world.note(&self.life.name, format!("calls {}, which is away", request.path));
        let wait = if how == Fault::AwaySilent { limit } else { world.moment("calls") };
        self.life.wait(wait).await.map_err(dead)?;
        let said = away(&self.life.name, self.answers.load(Ordering::Relaxed));
        Err(match how {
            Fault::AwaySilent => failure(request, Class::Timeout, &said),
            Fault::AwayRefused => failure(request, Class::Outage, &said),
            _ => {
                let mut failure = failure(request, Class::Outage, &said);
                failure.status = Some(503);
                let asks = world.draw("calls", |random| random.happens(3_000));
                failure.retry_after = asks.then(|| world.draw("calls", |random| random.range(0..4_000)));
                failure
            }
        })
    }

    async fn call(
        &self,
        request: &HttpRequest,
        key: &str,
        limit: Duration,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> Result<Value, Failure> {
        let (life, world) = (&self.life, &self.life.world);
        let fresh = || format!("{:016x}", world.draw("keys", |random| random.next()));
        let key = if world.is_mutated(Mutation::FreshKeys) { fresh() } else { key.to_owned() };
        let who = life.name.as_str();
        life.wait(world.moment("calls")).await.map_err(dead)?;
        if world.strikes(Fault::Refused, who) {
            return Err(failure(request, Class::Outage, "could not be reached"));
        }
        world.note(who, format!("calls {} with {key}", request.path));
        world.expect(|promises| promises.called(who, &request.path, &key));
        if world.strikes(Fault::Hang, who) {
            life.wait(limit * 2).await.map_err(dead)?;
        }
        if world.strikes(Fault::SlowAnswer, who) {
            life.wait(world.while_("calls", Duration::from_secs(6))).await.map_err(dead)?;
        }
        if world.strikes(Fault::CrashAfterCall, who) {
            life.end();
        }
        life.wait(world.moment("calls")).await.map_err(dead)?;
        if world.strikes(Fault::LostAnswer, who) {
            return Err(failure(request, Class::Outage, "broke off its answer"));
        }
        if world.strikes(Fault::Unavailable, who) {
            return Err(answered(request, Class::Outage, 503));
        }
        if world.strikes(Fault::TooMany, who) {
            let mut failure = answered(request, Class::RateLimited, 429);
            failure.retry_after = Some(world.draw("calls", |random| random.range(0..4_000)));
            return Err(failure);
        }
        if request.path.contains(POISON) || world.strikes(Fault::Rejected, who) {
            return Err(answered(request, Class::Upstream, 400));
        }
        if request.parse == Parse::Sse {
            if let Some(pieces) = pieces {
                self.say(request, &pieces).await?;
            }
            return Ok(streamed());
        }
        let body = Value::from_pairs([("done", Value::from(request.path.as_str()))]);
        let none = Value::from_pairs(std::iter::empty::<(Value, Value)>());
        Ok(Value::from_pairs([("status", Value::from(200)), ("headers", none), ("body", body)]))
    }
}

impl Network {
    /// Answers piece by piece, if nothing comes in between.
    async fn say(&self, request: &HttpRequest, pieces: &mpsc::Sender<Value>) -> Result<(), Failure> {
        for piece in PIECES {
            self.life.wait(self.life.world.moment("calls")).await.map_err(dead)?;
            if self.life.world.strikes(Fault::CutAnswer, &self.life.name) {
                return Err(failure(request, Class::Outage, "broke off its answer"));
            }
            // Nobody may listen any more.
            let _over = pieces.send(Value::from(piece)).await;
        }
        Ok(())
    }
}

/// What a stream comes to.
fn streamed() -> Value {
    let none = Value::from_pairs(std::iter::empty::<(Value, Value)>());
    Value::from_pairs([
        ("status", Value::from(200)),
        ("headers", none),
        ("body", Value::from(())),
        ("text", Value::from(PIECES.concat())),
        ("chunks", Value::from_iter(PIECES)),
    ])
}

impl Transport for Network {
    fn send<'a>(
        &'a self,
        target: &'a Target,
        request: &'a HttpRequest,
        context: &'a Context<'a>,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let limit = request.timeout.unwrap_or(target.timeout);
            if let Some(how) = self.life.world.away(&request.service) {
                return self.fail(request, limit, how).await;
            }
            let call = self.call(request, context.idempotency_key, limit, pieces);
            let slow = |_| Err(failure(request, Class::Timeout, &format!("took longer than {limit:?}")));
            let answer = timeout(limit, call).await.unwrap_or_else(slow);
            if &*request.service == AWAY {
                self.answers.fetch_add(1, Ordering::Relaxed);
                if answer.as_ref().is_err_and(counts_against_circuit) {
                    self.life.world.promises().excuse(context.idempotency_key);
                }
            }
            answer
        })
    }
}

fn failure(request: &HttpRequest, class: Class, what: &str) -> Failure {
    Failure::new(class, format!("`{}` {what}", request.service))
}

fn answered(request: &HttpRequest, class: Class, status: u16) -> Failure {
    let mut failure = failure(request, class, &format!("answered {status}"));
    failure.status = Some(status);
    failure
}

/// What is said of one that is away: to whom, and since which answer.
fn away(who: &str, answers: u64) -> String {
    format!("{IS_AWAY}{who} {answers})")
}

fn dead(_: Dead) -> Failure {
    Failure::new(Class::Outage, "the process is dead")
}
