//! The recorded exchanges: their shape, and reading them from a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::json;

/// One line of a recording.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) variant: String,
    /// What differs from the tutorial's settings.
    pub(crate) settings: Map<String, Value>,
    #[serde(default)]
    pub(crate) setup: Vec<Step>,
    pub(crate) request: Request,
    pub(crate) response: Recorded,
    #[serde(default)]
    pub(crate) tokens: BTreeMap<String, RecordedToken>,
    /// The setup as it was recorded, for the report.
    #[serde(skip)]
    pub(crate) setup_text: String,
}

/// One step before the request.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Step {
    MintPair {
        user: String,
        refresh: String,
        access: String,
    },
    MintSliding {
        user: String,
        token: String,
    },
    Craft(Craft),
    Alter {
        from: String,
        how: String,
        save: String,
    },
    Http {
        #[serde(flatten)]
        request: Box<Request>,
        #[serde(default = "ok")]
        expect: u16,
        #[serde(default)]
        save: BTreeMap<String, String>,
    },
    SetActive {
        user: String,
        value: bool,
    },
    DeleteUser {
        user: String,
    },
    ChangePassword {
        user: String,
    },
    Organizations {
        count: usize,
    },
    Session {
        user: String,
    },
    Sleep {
        seconds: f64,
    },
    ExpireOutstanding,
    FlushExpiredTokens,
    /// A step this runner has never heard of: the fixture fails, the run goes on.
    #[serde(other)]
    Unknown,
}

/// A token signed by hand.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Craft {
    pub(crate) save: String,
    #[serde(default, deserialize_with = "present")]
    pub(crate) claims: Option<Value>,
    #[serde(default)]
    pub(crate) claims_raw: Option<String>,
    #[serde(default)]
    pub(crate) header: Map<String, Value>,
    #[serde(default)]
    pub(crate) key: SigningWith,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SigningWith {
    #[default]
    Signing,
    Other,
    None,
    PublicPemAsHmac,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) json: Option<Value>,
    #[serde(default)]
    pub(crate) raw: Option<String>,
    #[serde(default)]
    pub(crate) raw_base64: Option<String>,
    #[serde(default)]
    pub(crate) raw_repeat: Option<Repeat>,
    #[serde(default)]
    pub(crate) form: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) multipart: Option<Vec<Part>>,
    #[serde(default)]
    pub(crate) chunked: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Repeat {
    #[serde(default)]
    pub(crate) prefix: String,
    pub(crate) unit: String,
    pub(crate) times: usize,
    #[serde(default)]
    pub(crate) suffix: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) filename: Option<String>,
    #[serde(default)]
    pub(crate) content_type: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) empty: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RecordedToken {
    #[serde(default)]
    pub(crate) header: Map<String, Value>,
    #[serde(default)]
    pub(crate) header_json: String,
    #[serde(default)]
    pub(crate) claims_order: Vec<String>,
    #[serde(default)]
    pub(crate) claims: BTreeMap<String, RecordedClaim>,
    #[serde(default)]
    pub(crate) signature_bytes: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RecordedClaim {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) value: Value,
    /// `"new"`, or the input tokens (`"${R}"`) that carry the same value.
    #[serde(default)]
    pub(crate) same_as: Value,
}

impl Fixture {
    /// `variant__group__case`, as the documents cite it.
    pub(crate) fn id(&self) -> String {
        format!("{}__{}", self.variant, self.name.replace('/', "__"))
    }

    /// Whether `GOLDEN_FILTER` selects it; `group/case` is accepted as well.
    pub(crate) fn is_selected(&self, filter: &str) -> bool {
        self.id().contains(filter) || format!("{}/{}", self.variant, self.name).contains(filter)
    }
}

impl Recorded {
    /// A recorded header, its name compared without case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Every `*.jsonl` of a folder in name order, grouped by variant.
pub(crate) fn load(folder: &Path) -> anyhow::Result<Vec<Vec<Fixture>>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    let mut variants: BTreeMap<String, Vec<Fixture>> = BTreeMap::new();
    for fixture in files.iter().map(|file| read(file)).collect::<anyhow::Result<Vec<_>>>()?.concat() {
        variants.entry(fixture.variant.clone()).or_default().push(fixture);
    }
    Ok(variants.into_values().collect())
}

/// One line, as a fixture.
pub(crate) fn parse(line: &str) -> anyhow::Result<Fixture> {
    let value = json::parse(line)?;
    let setup_text = value.get("setup").map(json::write).unwrap_or_default();
    Ok(Fixture { setup_text, ..serde_json::from_value(value)? })
}

fn read(file: &Path) -> anyhow::Result<Vec<Fixture>> {
    let text = fs::read_to_string(file)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| parse(line).with_context(|| format!("{} line {}", file.display(), index + 1)))
        .collect()
}

fn ok() -> u16 {
    200
}

/// Tells `"json": null` (a body) from no `json` at all.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
