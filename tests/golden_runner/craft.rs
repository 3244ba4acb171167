//! Tokens signed by hand, and tokens whose text was changed.

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};

use crate::{
    fixture::{Craft, SigningWith},
    json,
    settings::{Keys, Variant},
    world::{World, now, seconds},
};

/// Signs a token as a `craft` step says.
pub(crate) fn craft(step: &Craft, variant: &Variant, keys: &Keys, world: &World) -> anyhow::Result<String> {
    let algorithm = variant.jwt_text("ALGORITHM").context("no ALGORITHM")?;
    let mut header = Map::from_iter([("alg".to_owned(), json!(algorithm)), ("typ".to_owned(), json!("JWT"))]);
    for (name, value) in &step.header {
        if value == "$absent" {
            header.shift_remove(name);
        } else {
            header.insert(name.clone(), value.clone());
        }
    }
    let claims = match (&step.claims_raw, &step.claims) {
        (Some(text), _) => world.fill(text)?,
        (None, Some(template)) => json::write(&own_jti(template, expand(template, world)?, world)),
        (None, None) => bail!("a craft step without claims"),
    };
    let header_alg = header.get("alg").and_then(Value::as_str).unwrap_or_default().to_owned();
    let message = format!("{}.{}", encode(&json::write(&Value::Object(header))), encode(&claims));
    let signature = sign(&message, step.key, &header_alg, variant, keys)?;
    Ok(format!("{message}.{signature}"))
}

/// A `jti` that the recording spells out, begun with this run's own characters instead: a deployment's
/// database remembers the one that an earlier run has spent.
fn own_jti(template: &Value, mut claims: Value, world: &World) -> Value {
    let spelled = template.get("jti").and_then(Value::as_str).filter(|jti| !jti.contains("${"));
    let rest = spelled.and_then(|jti| jti.get(world.nonce.len()..));
    if let (Some(rest), Some(jti)) = (rest, claims.get_mut("jti")) {
        *jti = json!(format!("{}{rest}", world.nonce));
    }
    claims
}

/// Fills a claim template.
pub(crate) fn expand(template: &Value, world: &World) -> anyhow::Result<Value> {
    let members = match template {
        Value::Object(members) => members,
        Value::Array(items) => {
            return Ok(Value::Array(items.iter().map(|item| expand(item, world)).collect::<Result<_, _>>()?));
        }
        Value::String(text) => return Ok(Value::String(world.fill(text)?)),
        other => return Ok(other.clone()),
    };
    if let (1, Some((name, argument))) = (members.len(), members.iter().next()) {
        let user = || world.users.id(argument.as_str().unwrap_or_default()).context("an unknown user");
        match name.as_str() {
            "$now" => return Ok(json!(seconds(now()) + argument.as_i64().context("$now takes an integer")?)),
            "$now_float" => return Ok(json!(now().floor() + argument.as_f64().context("$now_float")?)),
            "$now_str" => {
                let moment = seconds(now()) + argument.as_i64().context("$now_str takes an integer")?;
                return Ok(json!(moment.to_string()));
            }
            "$hex32" => return Ok(json!(hex32()?)),
            "$uid" => return Ok(json!(user()?)),
            // Ours may be UUIDs; then there is no integer to send.
            "$uid_int" => {
                return Ok(user()?.parse::<i64>().map_or_else(|_| json!(user().ok()), |id| json!(id)));
            }
            _ => {}
        }
    }
    let filled = members.iter().map(|(name, value)| Ok((name.clone(), expand(value, world)?)));
    Ok(Value::Object(filled.collect::<anyhow::Result<_>>()?))
}

/// Signs with what the step names. The header's algorithm is used where the key can do it, so that a
/// foreign `alg` is a complete attack; otherwise the configured one.
fn sign(
    message: &str,
    with: SigningWith,
    header_alg: &str,
    variant: &Variant,
    keys: &Keys,
) -> anyhow::Result<String> {
    let configured = variant.jwt_text("ALGORITHM").unwrap_or_default();
    let (secret, public) =
        (variant.jwt_text("SIGNING_KEY").unwrap_or_default(), variant.jwt_text("VERIFYING_KEY"));
    let hmac = |secret: &str, fallback: &str| {
        let own = header_alg.parse::<Algorithm>().ok().filter(|_| header_alg.starts_with("HS"));
        let algorithm = own.map_or_else(|| fallback.parse(), Ok)?;
        Ok(crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret.as_bytes()), algorithm)?)
    };
    match with {
        SigningWith::None => Ok(String::new()),
        SigningWith::PublicPemAsHmac => {
            let name = pem_name(public.context("no VERIFYING_KEY")?).context("VERIFYING_KEY is no PEM")?;
            hmac(&keys.read(name)?, "HS256")
        }
        SigningWith::Signing if configured.starts_with("HS") => hmac(secret, configured),
        SigningWith::Other if configured.starts_with("HS") => {
            hmac(&"wrong-secret".repeat(secret.len().div_ceil(12)), configured)
        }
        SigningWith::Signing | SigningWith::Other => {
            // A variant that only verifies has no signing key; the recorder signed with its counterpart.
            let counterpart = || Some(pem_name(public?)?.replace(".pub.pem", ".pem"));
            let name =
                pem_name(secret).map(str::to_owned).or_else(counterpart).context("no PEM to sign with")?;
            let other = name.replace(".pem", "_other.pem");
            let pem = keys.read(if with == SigningWith::Other { &other } else { &name })?;
            let key = private_key(configured, &pem)?;
            let own = header_alg.parse::<Algorithm>().ok();
            let foreign = own.and_then(|own| crypto::sign(message.as_bytes(), &key, own).ok());
            let regular = || Ok(crypto::sign(message.as_bytes(), &key, configured.parse()?)?);
            foreign.map_or_else(regular, Ok)
        }
    }
}

fn private_key(algorithm: &str, pem: &str) -> anyhow::Result<EncodingKey> {
    Ok(match algorithm.get(..2) {
        Some("RS" | "PS") => EncodingKey::from_rsa_pem(pem.as_bytes())?,
        Some("ES") => EncodingKey::from_ec_pem(pem.as_bytes())?,
        Some("Ed") => EncodingKey::from_ed_pem(pem.as_bytes())?,
        _ => bail!("no such algorithm: {algorithm}"),
    })
}

/// Changes a token's text in one of the recorded ways.
pub(crate) fn alter(token: &str, how: &str) -> anyhow::Result<String> {
    let mut parts = token.splitn(3, '.');
    let (Some(h), Some(p), Some(s)) = (parts.next(), parts.next(), parts.next()) else {
        bail!("no token of three parts: {token}");
    };
    let none = encode(r#"{"alg":"none","typ":"JWT"}"#);
    Ok(match how {
        "flip_first_signature_char" => {
            let (first, rest) = s.split_at_checked(1).context("an empty signature")?;
            format!("{h}.{p}.{}{rest}", if first == "A" { "B" } else { "A" })
        }
        "flip_last_signature_bits" => format!("{h}.{p}.{}", flip_last(s)?),
        "raise_user_id_keep_signature" => {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(p)?)?;
            let mut claims = json::parse(&text)?;
            claims.as_object_mut().context("claims")?.insert("user_id".to_owned(), json!("999"));
            format!("{h}.{}.{s}", encode(&json::write(&claims)))
        }
        "drop_signature" => format!("{h}.{p}."),
        "two_segments" => format!("{h}.{p}"),
        "four_segments" => format!("{h}.{p}.{s}.{s}"),
        "alg_none_keep_signature" => format!("{none}.{p}.{s}"),
        "alg_none_empty_signature" => format!("{none}.{p}."),
        "pad_with_equals" => format!("{}.{}.{}", pad(h), pad(p), pad(s)),
        "pad_signature_with_equals" => format!("{h}.{p}.{}", pad(s)),
        "standard_base64_alphabet_signature" => {
            format!("{h}.{p}.{}", s.replace('-', "+").replace('_', "/"))
        }
        "inner_newline" => format!("{h}.\n{p}.{s}"),
        other => bail!("no such way to alter a token: {other}"),
    })
}

/// Whether every segment is canonical base64url without padding (RFC 7515, RFC 4648 section 3.5).
pub(crate) fn is_canonical(token: &str) -> bool {
    token.split('.').all(|part| URL_SAFE_NO_PAD.decode(part).is_ok())
}

/// The name in `<pem:NAME>`.
pub(crate) fn pem_name(setting: &str) -> Option<&str> {
    setting.strip_prefix("<pem:")?.strip_suffix('>')
}

fn flip_last(signature: &str) -> anyhow::Result<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.chars().last().context("an empty signature")?;
    let value = ALPHABET.find(last).context("no base64url")?;
    let flipped = ALPHABET.chars().nth(value ^ 1).context("no base64url")?;
    Ok(format!("{}{flipped}", signature.strip_suffix(last).unwrap_or_default()))
}

fn pad(part: &str) -> String {
    format!("{part}{}", "=".repeat(part.len().wrapping_neg() % 4))
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn hex32() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok().context("no randomness")?;
    Ok(hex::encode(bytes))
}
