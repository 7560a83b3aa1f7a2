//! What runs are told is passed on: what is new is read once, from where reading was left, for the
//! partitions that are ours; what a run could not be told then is read again when it asks.

use std::sync::Arc;

use super::Inner;
use super::actor::Message as Told;
use super::errand::Errand;
use super::order::Order;
use crate::store::{Home, Mark, Message, Most, RunId, Status, StoreError};

/// What is read at once.
const PAGE: Most = Most { messages: 500, bytes: 16 << 20 };

/// What became of a message that was to be given to its run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It has it.
    Yes,
    /// It gets it when it begins, wakes, or has room.
    Later,
    /// It is over, or parked.
    Never,
}

impl Inner {
    /// Passes on what comes, until the runner stops.
    pub(super) async fn deliver(self: Arc<Self>) {
        let delivering = async {
            let mut watch = self.store.watch_inbox();
            let mut read = Mark::START;
            loop {
                watch.mark();
                read = self.deliver_all(read).await?;
                tokio::select! {
                    biased;
                    changed = watch.changed() => { changed?; }
                    () = self.inbox.asks() => {}
                }
            }
        };
        let delivered: Option<Result<(), StoreError>> = self.stop.run_until_cancelled(delivering).await;
        if let Some(Err(error)) = delivered {
            self.fatal(&error.to_string());
        }
    }

    /// Passes on what was asked for, and what is new after `read`; tells what is new from then on.
    async fn deliver_all(self: &Arc<Self>, read: Mark) -> Result<Mark, StoreError> {
        self.deliver_asked().await?;
        let (homes, all) = self.inbox.asked();
        let read = if all { Mark::START } else { read };
        if !self.store.is_shared() {
            return self.deliver_new(None, read).await;
        }
        for home in homes {
            self.deliver_new(Some(&[home]), Mark::START).await?;
        }
        match self.homes_to_tell() {
            homes if homes.is_empty() => Ok(read),
            homes => self.deliver_new(Some(&homes), read).await,
        }
    }

    /// Passes on what is after `after`, for runs of these partitions or of all; tells from where on there is
    /// something new.
    async fn deliver_new(
        self: &Arc<Self>,
        homes: Option<&[Home]>,
        mut after: Mark,
    ) -> Result<Mark, StoreError> {
        let mut settled = Mark::END;
        loop {
            // What is read may wake more runs than can be told at once: they are told in between.
            self.deliver_asked().await?;
            self.inbox.catch_up();
            let page = self.store.inbox(homes, after, PAGE).await?;
            // As of the first page: what has come since may be before what was read since.
            settled = settled.min(page.settled);
            let is_last = !PAGE.is_reached(&page.messages);
            after = page.messages.last().map_or(after, Message::mark);
            let mut useless = Vec::new();
            for message in page.messages {
                let id = message.id;
                if self.is_useless(message).await? {
                    useless.push(id);
                }
            }
            self.discard(useless).await?;
            if is_last {
                return Ok(after.min(settled));
            }
        }
    }

    /// Passes on a message that may be new; whether it is of no use any more.
    async fn is_useless(self: &Arc<Self>, message: Message) -> Result<bool, StoreError> {
        let (run, id) = (message.run, message.id);
        if !self.can_tell(message.home.as_ref()) || self.inbox.is_given(run, id) {
            return Ok(false);
        }
        match serde_json::from_slice(&message.payload) {
            // What a run cannot be told yet, and what follows, it asks for by itself.
            Ok(Order::Cancel(_) | Order::Signal(_)) if self.inbox.is_behind(run) => Ok(false),
            Ok(order @ (Order::Cancel(_) | Order::Signal(_))) => {
                Ok(self.give(&message, order).await? == Given::Never)
            }
            Ok(order) => Ok(self.run_errand(&message, order).await? == Errand::Over),
            Err(error) => {
                tracing::error!(run = message.public_id, %error, "a message for it cannot be read");
                Ok(true)
            }
        }
    }

    /// Passes on what runs ask for.
    async fn deliver_asked(self: &Arc<Self>) -> Result<(), StoreError> {
        while let Some(run) = self.inbox.who_asks() {
            self.deliver_to(run).await?;
        }
        Ok(())
    }

    /// Passes on to a run what it has not received, as far as it can be told.
    async fn deliver_to(self: &Arc<Self>, run: RunId) -> Result<(), StoreError> {
        let mut after = Mark::START;
        loop {
            self.inbox.catch_up();
            let page = self.store.inbox_of(run, after, PAGE).await?;
            let mut is_last = !PAGE.is_reached(&page);
            after = page.last().map_or(after, Message::mark);
            let mut useless = Vec::new();
            for message in page {
                // What it was given before may have to be given again, and comes first.
                if !self.can_tell(message.home.as_ref()) || self.inbox.is_asking(run) {
                    is_last = true;
                    break;
                }
                let order = match serde_json::from_slice(&message.payload) {
                    Ok(order @ (Order::Cancel(_) | Order::Signal(_))) => order,
                    // That is done as soon as it is there.
                    _ => continue,
                };
                if self.inbox.is_given(run, message.id) {
                    continue;
                }
                match self.give(&message, order).await? {
                    Given::Yes => {}
                    Given::Never => useless.push(message.id),
                    Given::Later => {
                        is_last = true;
                        break;
                    }
                }
            }
            self.discard(useless).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn discard(&self, messages: Vec<i64>) -> Result<(), StoreError> {
        match messages.is_empty() {
            true => Ok(()),
            false => self.store.discard(messages).await,
        }
    }

    /// Gives a message to its run, now or when the run begins.
    async fn give(self: &Arc<Self>, message: &Message, order: Order) -> Result<Given, StoreError> {
        let Message { run, id, ref public_id, .. } = *message;
        let is_cancel = matches!(order, Order::Cancel(_));
        // Said before it is looked at, so that a run that begins meanwhile asks.
        let is_news = self.inbox.begin_to_want(run, message.home.as_ref());
        let actor = self.actors().get(public_id).cloned();
        if let Some(actor) = actor {
            let told = Told::Told { id, order: Box::new(order) };
            let Some(given) = self.inbox.give(run, id, || actor.try_send(told)) else {
                let inner = self.clone();
                self.tasks.spawn(async move {
                    // One that is over has no room either, and is looked at all the same.
                    drop(inner.kill.run_until_cancelled(actor.reserve()).await);
                    inner.inbox.has_room(run);
                });
                return Ok(Given::Later);
            };
            return Ok(given);
        }
        if self.asleep.call(public_id, None) {
            return Ok(Given::Later);
        }
        // One that was looked at before, and has not begun since, was not asked for in vain.
        if !is_news {
            return Ok(Given::Later);
        }
        // A signal that came before it was parked it gets when it goes on.
        let status = self.store.run(public_id).await?.map(|run| run.status);
        let hears = |status: Status| status == Status::Ready || (status == Status::Parked && !is_cancel);
        if !status.is_some_and(hears) {
            self.inbox.want_no_more(run);
            return Ok(Given::Never);
        }
        Ok(Given::Later)
    }
}
