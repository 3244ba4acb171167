//! [`Results`]: everything that was measured in one run, as `results.json` holds it.

use serde::{Deserialize, Serialize};

use crate::{machine::Machine, row::Row};

/// Everything that was measured in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// What it was measured on.
    pub(crate) machine: Machine,
    /// Whether sizes and times were small.
    pub(crate) quick: bool,
    /// How long it took, in seconds.
    #[serde(default)]
    pub(crate) seconds: u64,
    /// In the order of measuring.
    pub(crate) rows: Vec<Row>,
}
