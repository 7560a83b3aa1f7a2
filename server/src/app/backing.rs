//! What a server stands on: its store and its bus.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pathway_engine::project::{Bus as BusKind, Project, Store as StoreKind};

use super::{AppError, role};
use crate::bus::{Bus, BusError, EmbeddedBus, KafkaBus};
use crate::store::{Outlet, PostgresOptions, PostgresStore, SqliteStore, Store, StoreError};

/// The data folder of a project that names none.
const DATA: &str = "data";

/// Where what runs send goes first.
fn outlet(project: &Project) -> Outlet {
    match project.bus {
        BusKind::Embedded => Outlet::Topics,
        BusKind::Kafka(_) => Outlet::Outbox,
    }
}

/// The bus, as the project says.
pub(super) fn open_bus(project: &Project, store: &Arc<dyn Store>) -> Result<Arc<dyn Bus>, AppError> {
    match &project.bus {
        BusKind::Embedded => Ok(Arc::new(EmbeddedBus::new(store.clone()))),
        BusKind::Kafka(kafka) => {
            let bus = KafkaBus::new(kafka, store.clone(), store.id().to_owned());
            match bus {
                Ok(bus) => Ok(Arc::new(bus)),
                Err(BusError::Refused(why)) => Err(AppError::Project(why)),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// The store, as the project says.
pub(super) async fn open_store(project: &Project, data: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let outlet = outlet(project);
    match &project.store {
        StoreKind::Path(_) => Ok(Arc::new(SqliteStore::open_with(data, outlet)?)),
        StoreKind::Postgres(url) => {
            let is_shared = role::is_shared(project);
            let options = PostgresOptions { outlet, is_shared, ..PostgresOptions::default() };
            Ok(Arc::new(PostgresStore::open(url, options).await?))
        }
    }
}

/// The folder of the store, where the project says. What a server keeps for itself is there too:
/// where the store is a database, in the folder that is meant unless another is named.
pub(crate) fn data_folder(project: &Project, folder: &Path) -> PathBuf {
    match &project.store {
        // As it is told: without the `.` in it.
        StoreKind::Path(path) => folder.join(path).components().collect(),
        StoreKind::Postgres(_) => folder.join(DATA),
    }
}
