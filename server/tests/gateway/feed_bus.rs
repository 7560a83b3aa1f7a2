//! A bus of one topic with two partitions, which can be away.

use std::sync::{Arc, Mutex};

use pathway_server::bus::{
    Answer, Batch, Bus, BusError, Consumer, NewRecord, Offset, Positions, Reach, Record, Start, Subscription,
    Work,
};
use tokio::sync::watch;

#[derive(Debug, Default)]
struct Topic {
    partitions: [Vec<Record>; 2],
    is_away: bool,
    /// Which partition is read first.
    first: usize,
}

/// The bus.
#[derive(Debug, Clone)]
pub(crate) struct TwoPartitions {
    topic: Arc<Mutex<Topic>>,
    changed: watch::Sender<()>,
    /// How often it was found to be away.
    pub(crate) refused: watch::Sender<usize>,
}

impl TwoPartitions {
    pub(crate) fn new() -> Self {
        let topic = Arc::new(Mutex::new(Topic::default()));
        Self { topic, changed: watch::Sender::new(()), refused: watch::Sender::new(0) }
    }

    /// Publishes a value made now.
    pub(crate) fn put(&self, partition: usize, value: &serde_json::Value) {
        let records = &mut self.topic.lock().unwrap().partitions[partition];
        records.push(Record {
            offset: i64::try_from(records.len()).unwrap(),
            key: None,
            value: Some(value.to_string().into_bytes().into()),
            headers: Vec::new().into(),
            time: jiff::Timestamp::now().as_millisecond(),
        });
        self.changed.send_replace(());
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.topic.lock().unwrap().is_away = is_away;
        self.changed.send_replace(());
    }

    /// From now on this partition is read before the other.
    pub(crate) fn read_first(&self, partition: usize) {
        self.topic.lock().unwrap().first = partition;
    }

    fn check(&self) -> Result<(), BusError> {
        if !self.topic.lock().unwrap().is_away {
            return Ok(());
        }
        self.refused.send_modify(|count| *count += 1);
        Err(BusError::Away("it is elsewhere".to_owned()))
    }
}

fn refused<T: Send + 'static>(why: &str) -> Answer<'_, T> {
    Box::pin(async move { Err(BusError::Refused(why.to_owned())) })
}

impl Bus for TwoPartitions {
    fn publish(&self, _: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        refused("`put` does it")
    }

    fn subscribe(&self, _: &str, start: Start) -> Answer<'_, Box<dyn Subscription>> {
        Box::pin(async move {
            self.check()?;
            let topic = self.topic.lock().unwrap();
            let begin = |n: usize| {
                let records = &topic.partitions[n];
                let at = match &start {
                    Start::Oldest => 0,
                    Start::Since(time) => records.iter().take_while(|record| record.time < *time).count(),
                    Start::At(positions) => {
                        let at = positions.get(&i32::try_from(n).unwrap()).copied().unwrap_or(0);
                        usize::try_from(at).unwrap()
                    }
                    Start::End => records.len(),
                };
                (i32::try_from(n).unwrap(), i64::try_from(at).unwrap())
            };
            let positions = Positions::from([begin(0), begin(1)]);
            let changed = self.changed.subscribe();
            Ok(Box::new(Reading { bus: self.clone(), positions, changed }) as Box<dyn Subscription>)
        })
    }

    fn consume(&self, _: Vec<Work>) -> Answer<'_, Box<dyn Consumer>> {
        refused("nothing is worked on")
    }

    fn record(&self, _: &str, _: i32, _: Offset) -> Answer<'_, Option<Record>> {
        refused("nobody asks for one")
    }

    fn reach(&self) -> watch::Receiver<Reach> {
        watch::channel(Ok(())).1
    }
}

#[derive(Debug)]
struct Reading {
    bus: TwoPartitions,
    positions: Positions,
    changed: watch::Receiver<()>,
}

impl Reading {
    /// One record, of the partition that is read first if it has any.
    fn read(&mut self) -> Option<Batch> {
        let topic = self.bus.topic.lock().unwrap();
        let order = [topic.first, 1 - topic.first];
        order.into_iter().find_map(|n| {
            let partition = i32::try_from(n).unwrap();
            let from_offset = self.positions[&partition];
            let record = topic.partitions[n].get(usize::try_from(from_offset).unwrap())?.clone();
            self.positions.insert(partition, from_offset + 1);
            Some(Batch { partition, from_offset, next_offset: from_offset + 1, records: vec![record] })
        })
    }
}

impl Subscription for Reading {
    fn next_batch(&mut self, _: u32, _: usize) -> Answer<'_, Batch> {
        Box::pin(async move {
            loop {
                self.changed.mark_unchanged();
                self.bus.check()?;
                if let Some(batch) = self.read() {
                    return Ok(batch);
                }
                self.changed.changed().await.unwrap();
            }
        })
    }

    fn positions(&self) -> Positions {
        self.positions.clone()
    }
}
