//! What a fixture's run knows by the time its request goes out: users, saved values, the clock.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

use crate::{
    fixture::{Part, Request},
    json,
    system::Users,
    wire::Outgoing,
};

/// The state of one fixture's run.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// `http://host:port`
    pub(crate) base: String,
    pub(crate) users: Users,
    /// Values by the name they were saved under.
    pub(crate) saved: BTreeMap<String, String>,
    pub(crate) passwords: BTreeMap<String, String>,
    /// Eight characters that no other run has.
    pub(crate) nonce: String,
    /// Seconds since the epoch when the fixture began, when its request left and when it was answered.
    pub(crate) began: f64,
    pub(crate) sent: f64,
    pub(crate) answered: f64,
}

impl World {
    pub(crate) fn new(base: &str, users: Users) -> Self {
        let now = now();
        let passwords = ["alice", "bob", "ivan"].map(|user| (user.to_owned(), format!("{user}-Pa55word")));
        Self {
            base: base.to_owned(),
            users,
            saved: BTreeMap::new(),
            passwords: passwords.into(),
            nonce: shared::random::hex32().chars().take(8).collect(),
            began: now,
            sent: now,
            answered: now,
        }
    }

    /// `host:port`
    pub(crate) fn host(&self) -> &str {
        self.base.split_once("://").map_or(self.base.as_str(), |(_, host)| host)
    }

    /// The claims of a saved token, as far as it can be read.
    pub(crate) fn claims(&self, name: &str) -> Option<Value> {
        payload(self.saved.get(name)?)
    }

    /// Every `${name}` replaced by what was saved under it.
    pub(crate) fn fill(&self, text: &str) -> anyhow::Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').context("an unclosed ${")?;
            out.push_str(before);
            out.push_str(self.saved.get(name).with_context(|| format!("nothing saved as {name}"))?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn fill_value(&self, value: &Value) -> anyhow::Result<Value> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_value(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let filled = members.iter().map(|(key, item)| Ok((key.clone(), self.fill_value(item)?)));
                Value::Object(filled.collect::<anyhow::Result<_>>()?)
            }
            other => other.clone(),
        })
    }

    /// The request with every saved value in its place.
    pub(crate) fn fill_request(&self, request: &Request) -> anyhow::Result<Request> {
        let mut filled = request.clone();
        filled.path = self.fill(&request.path)?;
        for (_, value) in &mut filled.headers {
            *value = self.fill(value)?;
        }
        filled.json = request.json.as_ref().map(|value| self.fill_value(value)).transpose()?;
        filled.raw = request.raw.as_ref().map(|text| self.fill(text)).transpose()?;
        for (_, value) in filled.form.iter_mut().flatten() {
            *value = self.fill_value(value)?;
        }
        for part in filled.multipart.iter_mut().flatten() {
            part.value = self.fill(&part.value)?;
        }
        if let Some(repeat) = &mut filled.raw_repeat {
            repeat.prefix = self.fill(&repeat.prefix)?;
            repeat.suffix = self.fill(&repeat.suffix)?;
        }
        Ok(filled)
    }
}

/// A filled request as bytes.
pub(crate) fn outgoing(request: &Request) -> anyhow::Result<Outgoing> {
    Ok(Outgoing {
        method: request.method.clone(),
        path: request.path.clone(),
        headers: request.headers.iter().map(|(name, value)| header(name, value)).collect(),
        body: body(request)?,
        chunked: request.chunked,
    })
}

fn header(name: &str, value: &str) -> (String, Vec<u8>) {
    match name {
        "Authorization-Basic" => {
            ("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(value)).into_bytes())
        }
        "Authorization-Latin1" => {
            let latin1 = value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'));
            ("Authorization".to_owned(), latin1.collect())
        }
        _ => (name.to_owned(), value.as_bytes().to_vec()),
    }
}

fn body(request: &Request) -> anyhow::Result<Vec<u8>> {
    if let Some(value) = &request.json {
        return Ok(json::write(value).into_bytes());
    }
    if let Some(text) = &request.raw_base64 {
        return Ok(STANDARD.decode(text)?);
    }
    if let Some(repeat) = &request.raw_repeat {
        let middle = repeat.unit.repeat(repeat.times);
        return Ok(format!("{}{middle}{}", repeat.prefix, repeat.suffix).into_bytes());
    }
    if let Some(fields) = &request.form {
        let pairs = fields.iter().flat_map(|(name, value)| match value {
            Value::Array(items) => items.iter().map(|item| pair(name, item)).collect(),
            one => vec![pair(name, one)],
        });
        return Ok(pairs.collect::<Vec<_>>().join("&").into_bytes());
    }
    if let Some(parts) = &request.multipart {
        let parts: String = parts.iter().map(part).collect();
        return Ok(format!("{parts}--BOUNDARY--\r\n").into_bytes());
    }
    Ok(request.raw.clone().unwrap_or_default().into_bytes())
}

fn pair(name: &str, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{}={}", quote_plus(name), quote_plus(&text))
}

fn quote_plus(text: &str) -> String {
    let quoted = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        other => format!("%{other:02X}"),
    });
    quoted.collect()
}

fn part(part: &Part) -> String {
    let filename = part.filename.as_ref().map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
    let kind = part.content_type.clone().or_else(|| part.filename.as_ref().map(|_| "text/plain".to_owned()));
    let kind = kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
    format!(
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"{}\"{filename}\r\n{kind}\r\n{}\r\n",
        part.name, part.value
    )
}

/// The claims in a token's text, without any check.
pub(crate) fn payload(token: &str) -> Option<Value> {
    let text = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    json::parse(&String::from_utf8(text).ok()?).ok()
}

/// Seconds since the epoch by the machine's clock, which the system under test runs by as well.
#[expect(clippy::disallowed_methods, reason = "recorded tokens hold the time of a server in real time")]
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// Whole seconds, as Python's `int()` makes them.
#[expect(clippy::cast_possible_truncation, reason = "seconds since the epoch fit for ages")]
pub(crate) fn seconds(time: f64) -> i64 {
    time.floor() as i64
}
