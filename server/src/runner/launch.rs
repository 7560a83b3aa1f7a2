//! A run that no record of a topic starts: the input is given by hand.

use pathway_engine::Value;
use pathway_engine::journal::Principal;

use super::arrival::Arrived;
use super::{Runner, intake};
use crate::envelope::{Envelope, Sealed};
use crate::store::{Admission, Admit, Record, StoreError};

/// What such runs are admitted from, in place of a topic: its offset stays where it is.
pub(super) const SOURCE: &str = "pathway.launched";

/// Why a run was not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no such pathway.
    #[error("there is no pathway `{0}`")]
    Unknown(String),
    /// Who asks could not be sealed.
    #[error("who asks could not be sealed")]
    Seal,
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Runner {
    /// Admits a run of `pathway` as a door of it would, and lets it begin; tells its public id. A
    /// run that is there already, by the pathway's `id`, is told instead.
    ///
    /// # Errors
    /// There is no such pathway, or the run could not be stored.
    pub async fn launch(
        &self,
        pathway: &str,
        input: &Value,
        principal: Option<Principal>,
    ) -> Result<String, LaunchError> {
        let current = self.inner.current();
        let plan = current.plan(pathway).ok_or_else(|| LaunchError::Unknown(pathway.to_owned()))?;
        let run = self.inner.ids.next().to_string();
        let sealed = principal
            .map(|principal| Sealed { principal, token: None }.seal(&self.inner.keys, &plan.name, &run))
            .transpose()
            .map_err(|_| LaunchError::Seal)?;
        let envelope = Envelope {
            pathway: plan.name.to_string(),
            run: run.clone(),
            correlation: run,
            sealed,
            ..Envelope::default()
        };
        let record = Record {
            offset: 0,
            key: None,
            value: Some(pathway_engine::value::to_json(input).into_bytes().into()),
            headers: envelope.to_headers().into(),
            time: self.inner.clock.millis(),
        };
        let arrived = Arrived::new(plan, |_| plan.clone(), (SOURCE, 0), &record, intake::input(&record));
        let (row, mut admitted) = self.inner.run_of(&arrived);
        admitted.source = None;
        // Only what an HTTP door's caller caused fails without being parked.
        admitted.from_http = plan.door.http.is_some();
        let new = self.inner.row(row, &admitted, None);
        let admit = Admit {
            topic: SOURCE.to_owned(),
            partition: 0,
            proof: None,
            from_offset: 0,
            next_offset: 0,
            received: Vec::new(),
            runs: vec![new],
        };
        match self.inner.store.admit(admit).await?.into_iter().next() {
            Some(Admission::Duplicate { public_id, .. }) => Ok(public_id),
            Some(Admission::Inserted(id)) => {
                admitted.id = id;
                let run = admitted.public_id.clone();
                self.inner.enter(admitted);
                Ok(run)
            }
            None => Ok(admitted.public_id),
        }
    }
}
