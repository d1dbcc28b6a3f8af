//! Trace line — one line of JSON ⇄ a batch that a replica wrote, or the mark of a restart. Pure.
//!
//! ```text
//! {"version":1,"lsns":[7],"keys":["a"],"start":12,"finish":15}      entry 7, which touches a
//! {"version":1,"lsns":[8],"keys":"everything","start":16,"finish":17,"marker":8}
//! {"version":1,"lsns":[9,11],"keys_of":[["b"],[{"hex":"ff","db":2}]],"start":18,"finish":20}
//! {"version":1,"restart":true}
//! ```
//!
//! `models/trace.schema.json` is the schema, and `models/README.md` says what each field means. `serve --trace` writes
//! such lines, and so does any other replica that wants to be judged. A field that is not known is refused: an
//! optional field with a slip in its name would be left out of the verdict without notice.

use super::{Key, KeySet, Lsn};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The version of the format.
pub const VERSION: u64 = 1;

/// The highest LSN and the highest tick: a signed number of 64 bits holds it in any language.
pub const NUMBER_MAX: u64 = i64::MAX as u64;

/// What one line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceLine {
    /// A batch was written.
    Batch(BatchLine),
    /// The replica started again. Ticks and entries may begin again, too.
    Restart,
}

/// A batch that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLine {
    /// The entries, at least one, in the order of the log.
    pub lsns: Vec<Lsn>,
    /// Their keys.
    pub keys: KeysOf,
    /// Tick before the write.
    pub start: u64,
    /// Tick after the write.
    pub finish: u64,
    /// The marker: all entries up to it are written once this batch is. `None`: not told.
    pub marker: Option<Lsn>,
    /// The entry up to which readers are shown the state once this batch is written. `None`: not told.
    pub published: Option<Lsn>,
}

/// The keys of a line's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysOf {
    /// The keys of all entries together.
    Together(Touched),
    /// The keys of each entry, in the order of the entries.
    Each(Vec<Touched>),
}

/// A key set as a line has it. It takes a fifth of the memory of a [`KeySet`] with one key, and a trace has a million.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// These keys, in any order.
    Keys(Box<[Key]>),
    /// Every key of every database.
    Everything,
}

impl From<&KeySet> for Touched {
    fn from(keys: &KeySet) -> Touched {
        match keys {
            KeySet::Keys(keys) => Touched::Keys(keys.iter().cloned().collect()),
            KeySet::Everything => Touched::Everything,
        }
    }
}

impl From<&Touched> for KeySet {
    fn from(touched: &Touched) -> KeySet {
        match touched {
            Touched::Keys(keys) => KeySet::of(keys.iter().cloned()),
            Touched::Everything => KeySet::Everything,
        }
    }
}

/// The line is none of this format. The program that wrote it has to be corrected.
#[derive(Debug, thiserror::Error)]
pub enum NotALine {
    /// It is no JSON, or a field has the wrong type, is not known, or has no value.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("a line of version {0}; this program knows version {VERSION}")]
    OtherVersion(u64),
    /// A field is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Fields contradict one another, or a number is out of range.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl TraceLine {
    /// The line that `json` holds. Errors: [`NotALine`].
    pub fn parse(json: &[u8]) -> Result<TraceLine, NotALine> {
        // Serde would take an array as the fields in their order.
        if json.trim_ascii_start().starts_with(b"[") {
            return Err(NotALine::Contradiction("a line is an object, not an array"));
        }
        let fields: Fields = match serde_json::from_slice(json) {
            Ok(fields) => fields,
            Err(error) => {
                return Err(other_version(json).map_or(NotALine::Json(error), NotALine::OtherVersion));
            }
        };
        match fields {
            Fields { version, .. } if version != VERSION => Err(NotALine::OtherVersion(version)),
            Fields { restart: Some(true), .. } if fields == Fields::restart() => Ok(TraceLine::Restart),
            Fields { restart: Some(_), .. } => Err(NotALine::Contradiction(
                "a restart has `version` and `\"restart\":true`, and nothing else",
            )),
            fields => fields.batch().map(TraceLine::Batch),
        }
    }

    /// The line as JSON, without the end of the line.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        match self {
            TraceLine::Batch(batch) => serde_json::to_string(&Fields::of(batch)),
            TraceLine::Restart => serde_json::to_string(&Fields::restart()),
        }
    }
}

/// The version of a line whose other fields cannot be read; `None`: it has none, or it is ours.
fn other_version(json: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let Versioned { version } = serde_json::from_slice(json).ok()?;
    (version != VERSION).then_some(version)
}

/// The fields as they stand in the line.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    restart: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lsns: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    db: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<KeysField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys_of: Option<Vec<KeysField>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<u64>,
    /// A note for the reader of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
}

impl Fields {
    fn restart() -> Fields {
        Fields { version: VERSION, restart: Some(true), ..Fields::default() }
    }

    fn of(batch: &BatchLine) -> Fields {
        let (keys, keys_of) = match &batch.keys {
            KeysOf::Together(keys) => (Some(KeysField::of(keys)), None),
            KeysOf::Each(keys) => (None, Some(keys.iter().map(KeysField::of).collect())),
        };
        Fields {
            version: VERSION,
            lsns: Some(batch.lsns.iter().map(|lsn| lsn.0).collect()),
            keys,
            keys_of,
            start: Some(batch.start),
            finish: Some(batch.finish),
            marker: batch.marker.map(|lsn| lsn.0),
            published: batch.published.map(|lsn| lsn.0),
            ..Fields::default()
        }
    }

    fn batch(self) -> Result<BatchLine, NotALine> {
        let lsns = self.lsns.ok_or(NotALine::Missing("lsns"))?;
        let db = self.db.unwrap_or(0);
        let keys = match (self.keys, self.keys_of) {
            (Some(keys), None) => KeysOf::Together(keys.touched(db)),
            (None, Some(of)) if of.len() == lsns.len() => {
                KeysOf::Each(of.into_iter().map(|keys| keys.touched(db)).collect())
            }
            (None, Some(_)) => {
                return Err(NotALine::Contradiction("`keys_of` has one key set for each of `lsns`"));
            }
            (None, None) => return Err(NotALine::Missing("keys")),
            (Some(_), Some(_)) => {
                return Err(NotALine::Contradiction("it has `keys` or `keys_of`, not both"));
            }
        };
        let start = self.start.ok_or(NotALine::Missing("start"))?;
        let finish = self.finish.ok_or(NotALine::Missing("finish"))?;
        if lsns.is_empty() || lsns[0] == 0 || !lsns.is_sorted_by(|left, right| left < right) {
            return Err(NotALine::Contradiction(
                "`lsns` has at least one number, from 1 on, in rising order",
            ));
        }
        let numbers =
            lsns.last().into_iter().chain([&start, &finish]).chain(&self.marker).chain(&self.published);
        if numbers.max().is_some_and(|&number| number > NUMBER_MAX) {
            return Err(NotALine::Contradiction("a number is above 9223372036854775807"));
        }
        Ok(BatchLine {
            lsns: lsns.into_iter().map(Lsn).collect(),
            keys,
            start,
            finish,
            marker: self.marker.map(Lsn),
            published: self.published.map(Lsn),
        })
    }
}

const EVERYTHING: &str = "everything";

/// `"everything"`, or an array of keys.
#[derive(Debug, PartialEq)]
enum KeysField {
    Keys(Vec<KeyField>),
    Everything,
}

impl KeysField {
    fn of(touched: &Touched) -> KeysField {
        let field = |key: &Key| KeyField { name: key.name.clone(), db: (key.db != 0).then_some(key.db) };
        match touched {
            Touched::Keys(keys) => KeysField::Keys(keys.iter().map(field).collect()),
            Touched::Everything => KeysField::Everything,
        }
    }

    fn touched(self, db: u8) -> Touched {
        let key = |key: KeyField| Key { db: key.db.unwrap_or(db), name: key.name };
        match self {
            KeysField::Keys(keys) => Touched::Keys(keys.into_iter().map(key).collect()),
            KeysField::Everything => Touched::Everything,
        }
    }
}

impl Serialize for KeysField {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            KeysField::Keys(keys) => keys.serialize(to),
            KeysField::Everything => to.serialize_str(EVERYTHING),
        }
    }
}

impl<'de> Deserialize<'de> for KeysField {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<KeysField, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = KeysField;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "\"{EVERYTHING}\" or an array of keys")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<KeysField, E> {
                let is_everything = text == EVERYTHING;
                let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                is_everything.then_some(KeysField::Everything).ok_or_else(wrong)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut keys: A) -> Result<KeysField, A::Error> {
                let mut read = Vec::with_capacity(1);
                while let Some(key) = keys.next_element()? {
                    read.push(key);
                }
                Ok(KeysField::Keys(read))
            }
        }
        from.deserialize_any(Keys)
    }
}

/// `"a"`, `{"name":"a","db":2}` or `{"hex":"ff"}`.
#[derive(Debug, PartialEq)]
struct KeyField {
    name: Vec<u8>,
    /// `None`: the line's.
    db: Option<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    db: Option<u8>,
}

impl Serialize for KeyField {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let name = std::str::from_utf8(&self.name).ok();
        match (name, self.db) {
            (Some(name), None) => to.serialize_str(name),
            (name, db) => {
                let hex =
                    name.is_none().then(|| self.name.iter().map(|byte| format!("{byte:02x}")).collect());
                KeyObject { name: name.map(str::to_owned), hex, db }.serialize(to)
            }
        }
    }
}

impl<'de> Deserialize<'de> for KeyField {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<KeyField, D::Error> {
        struct OneKey;
        impl<'de> Visitor<'de> for OneKey {
            type Value = KeyField;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a key: a string, or an object with `name` or `hex`, and `db`")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<KeyField, E> {
                Ok(KeyField { name: name.as_bytes().to_vec(), db: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeyField, A::Error> {
                let KeyObject { name, hex, db } = KeyObject::deserialize(MapAccessDeserializer::new(map))?;
                let name = match (name, hex) {
                    (Some(name), None) => Some(name.into_bytes()),
                    (None, Some(hex)) => bytes(&hex),
                    _ => None,
                };
                let wrong =
                    || A::Error::custom("a key as an object has `name`, or `hex` with two digits a byte");
                Ok(KeyField { name: name.ok_or_else(wrong)?, db })
            }
        }
        from.deserialize_any(OneKey)
    }
}

/// The bytes of two hexadecimal digits each; `None`: the text is something else.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let pairs = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    pairs.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}
