//! From the original's settings to ours, by name.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

/// The tutorial's development secret, 64 characters.
const SECRET: &str = "peer-development-secret-0123456789abcdef0123456789abcdef01234567";
const JWKS: &str = "<local JWKS url>";

/// Where the recordings' throw-away keys lie: the folder given, and one to fall back on.
#[derive(Clone, Debug)]
pub(crate) struct Keys(pub(crate) Vec<PathBuf>);

impl Keys {
    pub(crate) fn read(&self, name: &str) -> anyhow::Result<String> {
        let candidates = self.0.iter().map(|folder| folder.join(Path::new(name)));
        let file = candidates.into_iter().find(|file| file.is_file());
        let file = file.with_context(|| format!("no key {name} in {:?}", self.0))?;
        Ok(fs::read_to_string(file)?)
    }
}

/// One settings variant, in the original's words and in ours.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// `SIMPLE_JWT`, the fixture's over the tutorial's.
    simple_jwt: Map<String, Value>,
    blacklist_installed: bool,
    /// What the system under test is started with.
    pub(crate) settings: BTreeMap<String, String>,
}

impl Variant {
    /// `jwks` is the address the variant's `<local JWKS url>` stands for.
    pub(crate) fn new(own: &Map<String, Value>, keys: &Keys, jwks: &str) -> anyhow::Result<Self> {
        let mut simple_jwt = tutorial();
        if let Some(secret) = own.get("SECRET_KEY") {
            simple_jwt.insert("SIGNING_KEY".to_owned(), json!(secret_text(secret)?));
        }
        simple_jwt.extend(object(own, "SIMPLE_JWT"));
        let blacklist_installed = own.get("token_blacklist_installed") != Some(&Value::Bool(false));

        let mut settings = BTreeMap::new();
        for (key, value) in &simple_jwt {
            settings.insert(format!("AUTH_{key}"), setting_text(value, keys, jwks)?);
        }
        let backends = own.get("AUTHENTICATION_BACKENDS").cloned().unwrap_or_else(|| json!([MODEL_BACKEND]));
        let mut set = |key: &str, value: &str| settings.insert(key.to_owned(), value.to_owned());
        set("AUTH_AUTHENTICATION_BACKENDS", &setting_text(&backends, keys, jwks)?);
        set("AUTH_TOKEN_BLACKLIST", if blacklist_installed { "true" } else { "false" });
        set("AUTH_REFRESH_GRACE", "0");
        set("AUTH_SESSION_COOKIE_NAME", SESSION_COOKIE);
        set("AUTH_CSRF_COOKIE_NAME", CSRF_COOKIE);
        set("AUTH_CSRF_HEADER_NAME", CSRF_HEADER);
        set("ORG_VISIBILITY", "all");
        set("ORG_PAGE_SIZE_QUERY_PARAM", "none");

        let mut rest_framework = framework();
        rest_framework.extend(object(own, "REST_FRAMEWORK"));
        for (key, value) in &rest_framework {
            if let Some(name) = framework_name(key) {
                set(&name, &setting_text(value, keys, jwks)?);
            }
        }
        let classes = rest_framework.get(CLASSES).and_then(Value::as_array).cloned().unwrap_or_default();
        if !first_jwt_class_is_stateless(&classes) {
            set("ORG_USER_STATE", "ask");
        }
        Ok(Self { simple_jwt, blacklist_installed, settings })
    }

    /// One of the original's `SIMPLE_JWT` settings.
    pub(crate) fn jwt(&self, key: &str) -> &Value {
        self.simple_jwt.get(key).unwrap_or(&Value::Null)
    }

    /// The same as text, where it is one.
    pub(crate) fn jwt_text(&self, key: &str) -> Option<&str> {
        self.jwt(key).as_str()
    }

    /// Whether the variant cannot be safe or cannot work, so that D13 lets the start be refused.
    pub(crate) fn may_be_refused(&self) -> bool {
        let algorithm = self.jwt_text("ALGORITHM").unwrap_or_default();
        let absent = |key: &str| self.jwt(key).is_null() || self.jwt_text(key) == Some("");
        let is_pem = |key: &str| self.jwt_text(key).is_some_and(|text| text.contains("pem"));
        let asymmetric = !algorithm.starts_with("HS");
        absent("JTI_CLAIM")
            || absent("TOKEN_TYPE_CLAIM")
            || matches!(algorithm, "ES512" | "ES521" | "ES256K")
            || asymmetric && (!is_pem("SIGNING_KEY") || !is_pem("VERIFYING_KEY") && absent("JWK_URL"))
    }

    /// Whether a refresh token is spent by its use: rotation with the blacklist that enforces it.
    pub(crate) fn spends_refresh_tokens(&self) -> bool {
        let on = |key: &str| self.jwt(key) == &Value::Bool(true);
        self.blacklist_installed && on("ROTATE_REFRESH_TOKENS") && on("BLACKLIST_AFTER_ROTATION")
    }

    pub(crate) fn has_blacklist(&self) -> bool {
        self.blacklist_installed
    }

    /// Whether a name and a password open the API.
    pub(crate) fn takes_basic(&self) -> bool {
        self.settings.get("AUTHENTICATION_CLASSES").is_some_and(|all| all.contains("BasicAuthentication"))
    }

    /// Whether the organization service asks for the user on every request.
    pub(crate) fn asks_for_users(&self) -> bool {
        self.settings.get("ORG_USER_STATE").is_some_and(|value| value == "ask")
    }

    /// The settings as lines of an environment file, which holds no value of several lines.
    pub(crate) fn env_lines(&self) -> anyhow::Result<Vec<String>> {
        let line = |(name, value): (&String, &String)| {
            anyhow::ensure!(!value.contains('\n'), "{name} has several lines: no environment file holds it");
            Ok(format!("{name}={value}"))
        };
        self.settings.iter().map(line).collect()
    }

    /// The schemes API requests may use, the announced one first.
    pub(crate) fn header_types(&self) -> Vec<&str> {
        match self.jwt("AUTH_HEADER_TYPES") {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            Value::String(one) => vec![one],
            _ => Vec::new(),
        }
    }

    /// The header API requests carry their token in: `HTTP_X_ACCESS_TOKEN` is `X-ACCESS-TOKEN`.
    pub(crate) fn header_name(&self) -> String {
        let name = self.jwt_text("AUTH_HEADER_NAME").unwrap_or("HTTP_AUTHORIZATION");
        name.strip_prefix("HTTP_").unwrap_or(name).replace('_', "-")
    }
}

/// Whether any `SIMPLE_JWT` value of a fixture stands for the local JWKS.
pub(crate) fn wants_jwks(own: &Map<String, Value>) -> bool {
    object(own, "SIMPLE_JWT").values().any(|value| value == JWKS)
}

/// Django's names for what a session is kept and guarded with.
pub(crate) const SESSION_COOKIE: &str = "sessionid";
pub(crate) const CSRF_COOKIE: &str = "csrftoken";
pub(crate) const CSRF_HEADER: &str = "X-CSRFToken";

const MODEL_BACKEND: &str = "django.contrib.auth.backends.ModelBackend";
const CLASSES: &str = "DEFAULT_AUTHENTICATION_CLASSES";

/// The tutorial's `SIMPLE_JWT`; lifetimes in seconds.
fn tutorial() -> Map<String, Value> {
    let value = json!({
        "ACCESS_TOKEN_LIFETIME": 300,
        "REFRESH_TOKEN_LIFETIME": 86_400,
        "ROTATE_REFRESH_TOKENS": false,
        "BLACKLIST_AFTER_ROTATION": true,
        "UPDATE_LAST_LOGIN": false,
        "ALGORITHM": "HS256",
        "SIGNING_KEY": SECRET,
        "VERIFYING_KEY": null,
        "AUDIENCE": null,
        "ISSUER": null,
        "LEEWAY": 0,
        "AUTH_HEADER_TYPES": ["Bearer"],
        "AUTH_HEADER_NAME": "HTTP_AUTHORIZATION",
        "USER_ID_FIELD": "id",
        "USER_ID_CLAIM": "user_id",
        "AUTH_TOKEN_CLASSES": ["rest_framework_simplejwt.tokens.AccessToken"],
        "TOKEN_TYPE_CLAIM": "token_type",
        "JTI_CLAIM": "jti",
        "SLIDING_TOKEN_REFRESH_EXP_CLAIM": "refresh_exp",
        "SLIDING_TOKEN_LIFETIME": 300,
        "SLIDING_TOKEN_REFRESH_LIFETIME": 86_400,
    });
    value.as_object().cloned().unwrap_or_default()
}

/// What of the tutorial's `REST_FRAMEWORK` has a counterpart here.
fn framework() -> Map<String, Value> {
    let value = json!({
        "PAGE_SIZE": 5,
        CLASSES: [
            "rest_framework_simplejwt.authentication.JWTAuthentication",
            "rest_framework.authentication.SessionAuthentication",
            "rest_framework.authentication.BasicAuthentication",
        ],
    });
    value.as_object().cloned().unwrap_or_default()
}

/// Our name for a `REST_FRAMEWORK` setting; parsers are fixed (deviation D5).
fn framework_name(key: &str) -> Option<String> {
    match key {
        "DEFAULT_PARSER_CLASSES" => None,
        CLASSES => Some("AUTHENTICATION_CLASSES".to_owned()),
        other => Some(format!("ORG_{other}")),
    }
}

fn first_jwt_class_is_stateless(classes: &[Value]) -> bool {
    let names = classes.iter().filter_map(Value::as_str);
    let first = names.into_iter().find(|name| name.contains("simplejwt"));
    first.is_some_and(|name| {
        name.ends_with("JWTStatelessUserAuthentication") || name.ends_with("JWTTokenUserAuthentication")
    })
}

fn object(own: &Map<String, Value>, key: &str) -> Map<String, Value> {
    own.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A secret as given, or of as many bytes as `<5 bytes>` says.
fn secret_text(value: &Value) -> anyhow::Result<String> {
    let text = value.as_str().context("SECRET_KEY is no string")?;
    let Some(count) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix(" bytes>")) else {
        return Ok(text.to_owned());
    };
    Ok(SECRET.chars().cycle().take(count.parse()?).collect())
}

fn setting_text(value: &Value, keys: &Keys, jwks: &str) -> anyhow::Result<String> {
    Ok(match value {
        Value::Null => "none".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let items: anyhow::Result<Vec<_>> =
                items.iter().map(|item| setting_text(item, keys, jwks)).collect();
            items?.join(",")
        }
        Value::String(text) if text == JWKS => jwks.to_owned(),
        Value::String(text) => match text.strip_prefix("<pem:").and_then(|rest| rest.strip_suffix('>')) {
            Some(name) => keys.read(name)?,
            None => text.clone(),
        },
        Value::Object(_) => bail!("a setting that is an object: {value}"),
    })
}
