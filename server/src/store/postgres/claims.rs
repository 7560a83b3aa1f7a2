//! Claims, as a batch of changes finds and leaves them.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::decode::text;
use super::pool::{Select, given, one};
use super::session::{Call, Given};
use crate::store::watch::Subject;
use crate::store::{Append, Claim, Claimed, Millis, Release, RunId, Status, Take, Taken};

/// Who asks for claims at the same time asks in turn, also from another process: what is read of a
/// claim then holds until it is written. Always in the same order, so that none wait for each other.
pub(super) const LOCKS: &str = "SELECT pg_advisory_xact_lock(id)
    FROM (SELECT DISTINCT id FROM unnest($1::bigint[]) AS wanted(id) ORDER BY id) AS sorted";
macro_rules! select_claim {
    ($rest:literal) => {
        concat!(
            r#"SELECT claim.pathway, claim.step, claim."key", claim.run, claim.instance, claim.expires,
                      run.public_id FROM claim LEFT JOIN run ON run.id = claim.run "#,
            $rest
        )
    };
}
pub(super) const BY_KEY: &str = select_claim!(
    r#"JOIN unnest($1::text[], $2::text[], $3::bytea[]) AS wanted(pathway, step, "key")
           ON claim.pathway = wanted.pathway AND claim.step = wanted.step
              AND sha256(claim."key") = sha256(wanted."key")"#
);
pub(super) const BY_RUN: &str =
    select_claim!("WHERE claim.run = ANY($1::bigint[]) AND claim.expires IS NULL");
const KEEP: &str = r#"INSERT INTO claim (pathway, step, "key", run, instance, expires)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::text[], $6::bigint[])
    ON CONFLICT (pathway, step, sha256("key")) DO UPDATE
        SET run = excluded.run, instance = excluded.instance, expires = excluded.expires"#;
const FORGET: &str = r#"DELETE FROM claim
    USING unnest($1::text[], $2::text[], $3::bytea[]) AS gone(pathway, step, "key")
    WHERE claim.pathway = gone.pathway AND claim.step = gone.step
        AND sha256(claim."key") = sha256(gone."key")"#;
/// Forgets those that are done and were to be kept until before.
pub(super) const PRUNE: &str = "DELETE FROM claim WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM claim WHERE expires < $1 ORDER BY expires LIMIT $2)) RETURNING 1";

/// What has to be asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    claims: BTreeSet<&'a Claim>,
    pub(super) locks: Vec<i64>,
    /// Runs that are to have none any more.
    pub(super) runs: Vec<i64>,
    pub(super) pathways: Vec<&'a str>,
    pub(super) steps: Vec<&'a str>,
    pub(super) keys: Vec<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    pub(super) fn append(&mut self, append: &'a Append) {
        let taken = append.taken.iter().map(|take| &take.claim);
        self.locks.extend(taken.clone().map(lock));
        for claim in append.released.iter().map(|release| &release.claim).chain(taken) {
            if self.claims.insert(claim) {
                self.pathways.push(&claim.pathway);
                self.steps.push(&claim.step);
                self.keys.push(claim.key.as_bytes());
            }
        }
        if append.status.as_ref().is_some_and(|change| change.status != Status::Ready) {
            self.runs.push(append.run.0);
        }
    }
}

/// The number of the lock of a claim.
fn lock(claim: &Claim) -> i64 {
    let mut hash = Sha256::new();
    for part in ["pathway claim", &claim.pathway, &claim.step, &claim.key] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().first_chunk().copied().map_or(0, i64::from_le_bytes)
}

/// A claim that somebody has, or has done.
#[derive(Debug, Clone)]
struct Kept {
    run: RunId,
    public_id: Option<String>,
    instance: String,
    /// None: it is not done.
    done_until: Option<Millis>,
}

/// What is known of claims, and what is to be written.
#[derive(Debug, Default)]
pub(super) struct Claims {
    known: BTreeMap<Claim, Option<Kept>>,
    changed: BTreeSet<Claim>,
    keep: Rows,
    forget: Keys,
}

/// Claims, by columns.
#[derive(Debug, Default)]
struct Keys {
    pathway: Vec<String>,
    step: Vec<String>,
    key: Vec<Vec<u8>>,
}

/// Claims with who has them, by columns.
#[derive(Debug, Default)]
struct Rows {
    claim: Keys,
    run: Vec<i64>,
    instance: Vec<String>,
    expires: Vec<Option<Millis>>,
}

impl Keys {
    fn push(&mut self, claim: Claim) {
        self.pathway.push(claim.pathway);
        self.step.push(claim.step);
        self.key.push(claim.key.into_bytes());
    }

    fn given(&self) -> Given<'_> {
        vec![&self.pathway, &self.step, &self.key]
    }
}

impl Claims {
    /// Notes a claim that was found.
    pub(super) fn found(&mut self, row: &Row) -> Result<(), Error> {
        let claim =
            Claim { pathway: row.try_get(0)?, step: row.try_get(1)?, key: text(row, 2)?.unwrap_or_default() };
        let kept = Kept {
            run: RunId(row.try_get(3)?),
            instance: row.try_get(4)?,
            done_until: row.try_get(5)?,
            public_id: text(row, 6)?,
        };
        self.known.insert(claim, Some(kept));
        Ok(())
    }

    fn set(&mut self, claim: &Claim, kept: Option<Kept>) {
        self.known.insert(claim.clone(), kept);
        self.changed.insert(claim.clone());
    }

    /// A run is over with a claim.
    pub(super) fn release(&mut self, run: RunId, release: &Release, told: &mut Vec<Subject>) {
        let Release { claim, instance, done_until } = release;
        let kept = self.known.get(claim).and_then(Option::as_ref);
        let Some(kept) = kept.filter(|kept| kept.run == run && kept.instance == *instance) else { return };
        let kept = done_until.map(|_| Kept { done_until: *done_until, ..kept.clone() });
        self.set(claim, kept);
        told.push(Subject::Claim(claim.clone()));
    }

    /// Gives a run, which is known by this public id, the claim that it asks for, if it can have it.
    pub(super) fn take(&mut self, run: RunId, public_id: &str, take: &Take) -> Taken {
        let Take { claim, instance, at } = take;
        let kept = self.known.get(claim).and_then(Option::as_ref);
        match kept.filter(|kept| (kept.run, &kept.instance) != (run, instance)) {
            Some(Kept { done_until: None, .. }) => return Taken::Held,
            Some(Kept { done_until: Some(until), public_id, .. }) if until > at => {
                return Taken::Done { run: public_id.clone() };
            }
            _ => {}
        }
        let public_id = Some(public_id.to_owned());
        self.set(claim, Some(Kept { run, public_id, instance: instance.clone(), done_until: None }));
        Taken::Granted
    }

    /// A run has no claims any more but those that are done.
    pub(super) fn release_all(&mut self, run: RunId, told: &mut Vec<Subject>) {
        let is_held = |kept: &Kept| kept.run == run && kept.done_until.is_none();
        let held = self.known.iter().filter(|(_, kept)| kept.as_ref().is_some_and(is_held));
        for claim in held.map(|(claim, _)| claim.clone()).collect::<Vec<_>>() {
            self.set(&claim, None);
            told.push(Subject::Claim(claim));
        }
    }

    /// The statements that write what has changed.
    pub(super) fn calls(&mut self) -> Vec<Call<'_>> {
        for claim in std::mem::take(&mut self.changed) {
            let kept = self.known.remove(&claim).flatten();
            let Some(kept) = kept else {
                self.forget.push(claim);
                continue;
            };
            self.keep.claim.push(claim);
            self.keep.run.push(kept.run.0);
            self.keep.instance.push(kept.instance);
            self.keep.expires.push(kept.done_until);
        }
        let Rows { claim, run, instance, expires } = &self.keep;
        let mut kept = claim.given();
        kept.extend([run as &(dyn ToSql + Sync), instance, expires]);
        let all: [(&'static str, usize, Given<'_>); 2] =
            [(KEEP, run.len(), kept), (FORGET, self.forget.key.len(), self.forget.given())];
        let written = all.into_iter().filter(|(_, rows, _)| *rows > 0);
        written.map(|(sql, _, given)| Call::new(sql, given)).collect()
    }
}

/// Who has a claim, or has done it.
pub(super) fn find(claim: &Claim) -> Select<Option<Claimed>> {
    let Claim { pathway, step, key } = claim.clone();
    Select {
        sql: select_claim!(
            r#"WHERE claim.pathway = $1 AND claim.step = $2 AND sha256(claim."key") = sha256($3)"#
        ),
        given: given![pathway, step, key.into_bytes()],
        read: |rows| {
            one(rows, |row| {
                Ok(Claimed { run: text(row, 6)?, instance: row.try_get(4)?, done_until: row.try_get(5)? })
            })
        },
    }
}
