//! The record of changes as text: what `GET …/audit/` shows, and the lines of an export, from which it
//! can be verified without the database.
//!
//! An export is, a JSON object on each line:
//!
//! ```text
//! {"export":{"organization":"…","exported_at":"…","complete":true}}
//! {"record":{"seq":1,…,"hash":"…"}}          in their order
//! {"seal":{"number":1,"last_seq":1,…}}       behind the last record that it covers
//! {"head":{"seq":1,"hash":"…","seal":"…"}}   the last record and seal; without it, the export is cut off
//! ```

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;
use shared::Timestamp;

use crate::store::{audit::Record, organizations::OrgId, seals::Seal};

/// A line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// The first line.
    Export(Export),
    /// A record.
    Record(Box<Shown>),
    /// A seal.
    Seal(ShownSeal),
    /// The last line.
    Head(Head),
}

/// Of what a file is an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The organization's id.
    pub organization: uuid::Uuid,
    /// When the export began.
    pub exported_at: Instant,
    /// Whether all records are in it. A choice of them cannot be verified.
    pub complete: bool,
}

/// The end of the record when the export began.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The place of the last record; 0 if there is none.
    pub seq: i64,
    /// Its digest.
    pub hash: Option<Hex>,
    /// The latest seal.
    pub seal: Option<Hex>,
}

/// A record as it is shown.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// See [`Record`], as all that follows.
    pub seq: i64,
    at: Instant,
    actor: String,
    as_superuser: bool,
    action: String,
    target: String,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
    request_id: String,
    hash: Hex,
}

impl From<Record> for Shown {
    fn from(record: Record) -> Self {
        Self {
            seq: record.seq,
            at: Instant(record.at),
            actor: record.actor,
            as_superuser: record.as_superuser,
            action: record.action,
            target: record.target,
            before: record.before.and_then(raw),
            after: record.after.and_then(raw),
            request_id: record.request_id,
            hash: Hex(record.hash),
        }
    }
}

impl Shown {
    /// The record of this organization.
    #[must_use]
    pub fn record(self, org_id: OrgId) -> Record {
        let text = |value: Option<Box<RawValue>>| value.map(|value| value.get().to_owned());
        Record {
            org_id,
            seq: self.seq,
            at: self.at.0,
            actor: self.actor,
            as_superuser: self.as_superuser,
            action: self.action,
            target: self.target,
            before: text(self.before),
            after: text(self.after),
            request_id: self.request_id,
            hash: self.hash.0,
        }
    }
}

/// The stored text as it is, for the digest is over its bytes. Text that somebody has put in the place of
/// JSON, or over several lines, is shown as a text: then the digest is wrong, as it should be.
fn raw(text: String) -> Option<Box<RawValue>> {
    if !text.contains(['\n', '\r']) && serde_json::from_str::<de::IgnoredAny>(&text).is_ok() {
        return RawValue::from_string(text).ok();
    }
    serde_json::value::to_raw_value(&text).ok()
}

/// A seal as it is shown.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownSeal {
    /// See [`Seal`], as all that follows.
    pub number: i64,
    last_seq: i64,
    hash: Hex,
    sealed_at: Instant,
    key_id: String,
    seal: Hex,
}

impl From<Seal> for ShownSeal {
    fn from(Seal { number, last_seq, hash, sealed_at, key_id, seal, .. }: Seal) -> Self {
        Self { number, last_seq, hash: Hex(hash), sealed_at: Instant(sealed_at), key_id, seal: Hex(seal) }
    }
}

impl ShownSeal {
    /// The seal of this organization.
    #[must_use]
    pub fn seal(self, org_id: OrgId) -> Seal {
        Seal {
            org_id,
            number: self.number,
            last_seq: self.last_seq,
            hash: self.hash.0,
            sealed_at: self.sealed_at.0,
            key_id: self.key_id,
            seal: self.seal.0,
        }
    }
}

/// Bytes, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        hex::decode(text.as_ref()).map(Self).map_err(de::Error::custom)
    }
}

/// A time that can be read back.
#[derive(Debug, Clone, Copy)]
pub struct Instant(pub Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jiff::Timestamp::deserialize(deserializer).map(|instant| Self(Timestamp::from_jiff(instant)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(before: Option<&str>, after: Option<&str>) -> Record {
        Record {
            org_id: OrgId::from_uuid(uuid::Uuid::from_u128(7)),
            seq: 3,
            at: Timestamp::from_micros(1_795_444_848_000_001),
            actor: "ålice\n\u{2028}\"".to_owned(),
            as_superuser: true,
            action: "member.removed".to_owned(),
            target: "2".to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            request_id: "r".to_owned(),
            hash: vec![0, 255],
        }
    }

    fn through_a_line(record: Record) -> Record {
        let org_id = record.org_id;
        let text = serde_json::to_string(&Line::Record(Box::new(record.into()))).unwrap();
        assert_eq!(text.lines().count(), 1);
        match serde_json::from_str(&text).unwrap() {
            Line::Record(shown) => shown.record(org_id),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_is_read_from_its_line_as_it_was() {
        for text in [r#"{"b":1,"a":[1.50,"\u00e9é"]}"#, "{}", "[]", "1e400"] {
            let original = record(Some(text), None);
            assert_eq!(through_a_line(original.clone()), original);
            let original = record(None, Some(text));
            assert_eq!(through_a_line(original.clone()), original);
        }
    }

    #[test]
    fn what_is_no_json_is_shown_and_does_not_pass_for_the_original() {
        for text in ["", "{", "{\n}", "a\r", "{} {}"] {
            let read = through_a_line(record(Some(text), None)).before.unwrap();
            assert_ne!(read, text);
            assert_eq!(serde_json::from_str::<String>(&read).unwrap(), text);
        }
    }
}
