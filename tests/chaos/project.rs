//! The shop's project in a folder, and the environment that its processes are given.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

use crate::upstream::Upstream;

/// Its files.
const PROJECT: &str = include_str!("project/pathway.yaml");
const PATHWAYS: [(&str, &str); 5] = [
    ("order", include_str!("project/order.pathway.yaml")),
    ("packing", include_str!("project/packing.pathway.yaml")),
    ("parcel", include_str!("project/parcel.pathway.yaml")),
    ("approval", include_str!("project/approval.pathway.yaml")),
    ("reminder", include_str!("project/reminder.pathway.yaml")),
];
/// 32 bytes, as good as any.
const SEAL_KEYS: &str = "c2VhbCB0aGlzIGFuZCBubyBvdGhlciB0aGluZyBoZXI";
/// For operators.
const ADMIN: &str = "a-token-for-operators";

/// See above.
#[derive(Debug)]
pub(crate) struct Project {
    folder: TempDir,
    pub(crate) environment: BTreeMap<String, String>,
}

impl Project {
    /// One that calls this upstream, over a broker at these addresses; over the embedded bus where
    /// there are none.
    pub(crate) fn new(upstream: &Upstream, servers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pathway.yaml"), PROJECT).unwrap();
        std::fs::create_dir(folder.path().join("pathways")).unwrap();
        for (name, text) in PATHWAYS {
            std::fs::write(folder.path().join(format!("pathways/{name}.pathway.yaml")), text).unwrap();
        }
        let environment = [
            ("KAFKA_BOOTSTRAP_SERVERS", servers),
            ("SHOP_URL", &upstream.url),
            ("PATHWAY_SEAL_KEYS", SEAL_KEYS),
            ("PATHWAY_ADMIN_TOKEN", ADMIN),
            ("PROCESS", "one"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { folder, environment }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
