//! Settings: read once at start from the environment, checked once, listed by `config`.
//!
//! An empty variable means unset. A variable with one of our prefixes that no setting has is a typo
//! and stops the start, except the service links that orchestrators inject.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::Secret;

pub mod development;
mod files;
mod print;
pub mod process;
pub mod values;

pub use print::print_listings;

/// The shortest `SERVICE_SECRET`, in bytes.
const LEAST_SECRET: usize = 32;

/// `SERVICE_SECRET`: one, or two separated by a comma while it changes. Empty when unset.
pub fn service_secrets(variables: &Variables) -> Result<Vec<Secret<String>>, ConfigError> {
    let name = "SERVICE_SECRET";
    let Some(text) = variables.get(name) else { return Ok(Vec::new()) };
    let secrets: Vec<&str> = text.split(',').map(str::trim).map(development::service_secret).collect();
    if secrets.len() > 2 || secrets.iter().any(|secret| secret.len() < LEAST_SECRET) {
        return Err(ConfigError::new(
            name,
            "expected one or two secrets of 32 bytes or more, separated by a comma",
        ));
    }
    Ok(secrets.into_iter().map(|secret| Secret::new(secret.to_owned())).collect())
}

/// Where a setting's value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Built in.
    Default,
    /// An environment variable.
    Environment,
    /// A file that an environment variable names.
    File,
    /// A flag of the command.
    Flag,
    /// A file in the data folder.
    DataFolder,
}

/// A setting that cannot be used. Its message is one line that names the variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// A complaint about the variable `name`.
    #[must_use]
    pub fn new(name: &str, complaint: &str) -> Self {
        Self(format!("{name}: {complaint}"))
    }
}

/// The variables that a process was given, and what is doubtful about them.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, (String, Source)>, Vec<String>);

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// The process's environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_pairs(
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
        )
    }

    /// Given pairs, as if they were the environment.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(
            pairs
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name, (value, Source::Environment)))
                .collect(),
            Vec::new(),
        )
    }

    /// Sets a variable, whatever it was before.
    pub fn set(&mut self, name: &str, value: impl Into<String>, source: Source) {
        self.0.insert(name.to_owned(), (value.into(), source));
    }

    /// Sets a variable unless it is set.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>, source: Source) {
        self.0.entry(name.to_owned()).or_insert_with(|| (value.into(), source));
    }

    /// The value of one variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(value, _)| value.as_str())
    }

    /// Where a variable's value came from.
    #[must_use]
    pub fn source(&self, name: &str) -> Source {
        self.0.get(name).map_or(Source::Default, |(_, source)| *source)
    }

    /// Reads the settings of `T` from the variables that begin with `prefix` (may be empty).
    pub fn read<T: DeserializeOwned>(&self, prefix: &str) -> Result<T, ConfigError> {
        // envy takes a prefix off as often as it stands there: AUTH_AUTH_HEADER_TYPES would lose both.
        let read = |pairs: &[(String, String)]| {
            let unprefixed =
                pairs.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value)));
            envy::from_iter::<_, T>(unprefixed.map(|(name, value)| (name.to_owned(), value.clone())))
        };
        let pairs = self.0.iter().map(|(name, (value, _))| (name.clone(), value.clone()));
        let pairs: Vec<_> = pairs.collect();
        read(&pairs).map_err(|error| match &error {
            envy::Error::MissingValue(field) => {
                ConfigError::new(&format!("{prefix}{}", field.to_uppercase()), "must be set")
            }
            envy::Error::Custom(text) => {
                let culprit = culprit(&pairs, prefix, text, |pairs| read(pairs).err());
                let complaint = text.split(" while parsing value ").next().unwrap_or(text);
                ConfigError::new(culprit.as_deref().unwrap_or(prefix), complaint)
            }
        })
    }

    /// Refuses variables that begin with `prefix` and that none of `known` has.
    pub fn refuse_unknown(&self, prefix: &str, known: &[Listing]) -> Result<(), ConfigError> {
        let names: BTreeSet<&str> = known.iter().flat_map(|l| l.0.iter().map(|s| s.name.as_str())).collect();
        let unknown = self.0.iter().find(|(name, (value, _))| {
            name.starts_with(prefix) && !names.contains(name.as_str()) && !is_service_link(name, value)
        });
        match unknown {
            Some((name, _)) => Err(ConfigError::new(name, &unknown_complaint(name))),
            None => Ok(()),
        }
    }
}

/// SimpleJWT's settings that name Python code have no counterpart; saying so beats "unknown".
fn unknown_complaint(name: &str) -> String {
    let python = ["_SERIALIZER", "_JSON_ENCODER", "_USER_AUTHENTICATION_RULE", "_TOKEN_USER_CLASS"];
    if python.iter().any(|suffix| name.ends_with(suffix)) {
        return "this setting of the original names Python code and has no counterpart here".to_owned();
    }
    "unknown setting (a typo?); the README's section Settings lists all".to_owned()
}

/// Docker and Kubernetes inject variables such as `AUTH_SERVICE_HOST` and `AUTH_PORT_80_TCP`.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_TCP")
        || value.starts_with("tcp://")
}

/// envy names the variable for numbers only: it is the one without which the complaint is another.
fn culprit(
    pairs: &[(String, String)],
    prefix: &str,
    complaint: &str,
    read: impl Fn(&[(String, String)]) -> Option<envy::Error>,
) -> Option<String> {
    let names = pairs.iter().map(|(name, _)| name).filter(|name| name.starts_with(prefix));
    let mut culprits = names.filter(|name| {
        let others: Vec<_> = pairs.iter().filter(|(other, _)| other != *name).cloned().collect();
        !matches!(read(&others), Some(envy::Error::Custom(text)) if text == complaint)
    });
    culprits.next().cloned()
}

/// One setting as `config` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// The variable's name.
    pub name: String,
    /// Its value, secrets redacted; null when unset.
    pub value: Value,
    /// Where the value came from.
    pub source: Source,
}

/// All settings of one struct.
#[derive(Debug, Clone, Default)]
pub struct Listing(pub Vec<Setting>);

impl Listing {
    /// Lists the fields of `settings` as variables with `prefix`.
    pub fn of<T: Serialize>(prefix: &str, settings: &T, variables: &Variables) -> Self {
        let Ok(Value::Object(fields)) = serde_json::to_value(settings) else { return Self::default() };
        let setting = |(field, value): (String, Value)| {
            let name = format!("{prefix}{}", field.to_uppercase());
            let source = variables.source(&name);
            Setting { name, value, source }
        };
        Self(fields.into_iter().map(setting).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Sample {
        #[serde(default)]
        leeway: u32,
        name: String,
    }

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables::from_pairs(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn a_name_that_begins_with_the_prefix_keeps_it() {
        #[derive(Deserialize)]
        struct Doubled {
            x_name: String,
        }
        let read: Doubled = variables(&[("X_X_NAME", "a"), ("X_NAME", "b")]).read("X_").unwrap();
        assert_eq!(read.x_name, "a");
    }

    #[test]
    fn an_empty_variable_is_unset() {
        let read: Sample = variables(&[("X_LEEWAY", ""), ("X_NAME", "a")]).read("X_").unwrap();
        assert_eq!(read.leeway, 0);
    }

    #[test]
    fn a_complaint_names_its_variable() {
        let error = variables(&[("X_LEEWAY", "many"), ("X_NAME", "a")]).read::<Sample>("X_").unwrap_err();
        assert!(error.to_string().starts_with("X_LEEWAY: "), "{error}");
        let error = variables(&[]).read::<Sample>("X_").unwrap_err();
        assert_eq!(error.to_string(), "X_NAME: must be set");
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only reading it matters")]
        struct Timed {
            other: Option<String>,
            after: Option<values::Span>,
        }
        let error = variables(&[("X_OTHER", "a"), ("X_AFTER", "soon")]).read::<Timed>("X_").unwrap_err();
        assert!(error.to_string().starts_with("X_AFTER: expected"), "{error}");
    }

    #[test]
    fn a_typo_is_refused_and_a_service_link_is_not() {
        let known = [Listing::of("X_", &Sample { leeway: 0, name: String::new() }, &Variables::default())];
        let refuse = |pairs: &[(&str, &str)]| variables(pairs).refuse_unknown("X_", &known);
        assert!(refuse(&[("X_LEWAY", "1")]).unwrap_err().to_string().starts_with("X_LEWAY: unknown"));
        assert!(
            refuse(&[("X_SERVICE_HOST", "10.0.0.1"), ("X_PORT", "tcp://10.0.0.1:80"), ("Y_Z", "1")]).is_ok()
        );
        let python = refuse(&[("X_TOKEN_OBTAIN_SERIALIZER", "a.b.C")]).unwrap_err();
        assert!(python.to_string().contains("Python"), "{python}");
    }
}
