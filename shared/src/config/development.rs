//! Secrets for development: the word `development` in the place of one.
//!
//! What runs without any set-up needs secrets, and a repository must not hold any that somebody could
//! take for real. So these are known to everybody, have a name that says so, are warned of at each
//! start, and `PRODUCTION=true` refuses them.

use super::{ConfigError, Variables, values::Switch};
use crate::DbUrl;

/// Stands for a public secret.
const WORD: &str = "development";
/// The `SERVICE_SECRET` that it stands for.
const SERVICE_SECRET: &str = "development: a secret that everybody knows";
/// The `AUTH_KEY_ENCRYPTION_KEY` that it stands for.
const KEY_ENCRYPTION_KEY: &str = "dGVzc2VyYSBkZXZlbG9wbWVudCBrZXksIHB1YmxpYyE=";

/// How real ones are made.
const REMEDY: &str = "`deploy/make-env` makes real ones";

/// One item of `SERVICE_SECRET`, the word replaced.
#[must_use]
pub fn service_secret(item: &str) -> &str {
    if item == WORD { SERVICE_SECRET } else { item }
}

/// One item of `AUTH_KEY_ENCRYPTION_KEY`, the word replaced.
#[must_use]
pub fn key_encryption_key(item: &str) -> &str {
    if item == WORD { KEY_ENCRYPTION_KEY } else { item }
}

/// The variables that hold a public secret, in the order of their names. Each counts wherever it is
/// set, for what one service leaves unread another reads.
fn used(variables: &Variables) -> Vec<&'static str> {
    let has_item = |name, secret: &str| {
        let mut items = variables.get(name).into_iter().flat_map(|text| text.split(',')).map(str::trim);
        items.any(|item| item == WORD || item == secret)
    };
    let has_password = |name| {
        let url = variables.get(name).and_then(|text| DbUrl::parse(text).ok());
        url.is_some_and(|url| url.has_password(WORD))
    };
    [
        ("AUTH_DATABASE_URL", has_password("AUTH_DATABASE_URL")),
        ("AUTH_KEY_ENCRYPTION_KEY", has_item("AUTH_KEY_ENCRYPTION_KEY", KEY_ENCRYPTION_KEY)),
        ("ORG_DATABASE_URL", has_password("ORG_DATABASE_URL")),
        ("SERVICE_SECRET", has_item("SERVICE_SECRET", SERVICE_SECRET)),
    ]
    .into_iter()
    .filter_map(|(name, used)| used.then_some(name))
    .collect()
}

/// An error that names every variable with a public secret.
pub(super) fn refuse(variables: &Variables) -> Result<(), ConfigError> {
    let used = used(variables);
    if used.is_empty() {
        return Ok(());
    }
    let complaint = format!("known to everybody, which PRODUCTION=true refuses; {REMEDY}");
    Err(ConfigError::new(&used.join(", "), &complaint))
}

/// What to say at a start with public secrets; nothing where they are refused.
pub(crate) fn warning(variables: &Variables) -> Option<String> {
    let production = variables.get("PRODUCTION").and_then(|text| text.parse().ok());
    let used = used(variables);
    if used.is_empty() || production == Some(Switch(true)) {
        return None;
    }
    Some(format!(
        "NOT FOR PRODUCTION: {} known to everybody, so anybody who gets here can forge tokens and read \
         keys; {REMEDY}, and PRODUCTION=true refuses these",
        match used.as_slice() {
            [one] => format!("{one} is"),
            all => format!("{} are", all.join(", ")),
        }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{process::ProcessSettings, service_secrets};

    const REAL: &str = "0123456789abcdef0123456789abcdef";

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    /// Every variable that can hold a public secret, with one, in the order of their names.
    const ALL: [(&str, &str); 4] = [
        ("AUTH_DATABASE_URL", "postgres://auth:development@db/auth"),
        ("AUTH_KEY_ENCRYPTION_KEY", "development"),
        ("ORG_DATABASE_URL", "postgresql://org:development@db:5432/org?sslmode=disable"),
        ("SERVICE_SECRET", "development"),
    ];

    #[test]
    fn the_word_is_a_secret_that_services_share() {
        let secrets = |text| service_secrets(&variables(&[("SERVICE_SECRET", text)])).unwrap();
        assert_eq!(secrets("development")[0].expose(), SERVICE_SECRET);
        let both: Vec<_> =
            secrets(&format!("{REAL}, development")).iter().map(|s| s.expose().clone()).collect();
        assert_eq!(both, [REAL, SERVICE_SECRET]);
        let shown = ProcessSettings::read(&variables(&[("SERVICE_SECRET", "development")])).unwrap();
        assert_eq!(shown.issuer_secret().unwrap().unwrap().expose(), SERVICE_SECRET);
    }

    #[test]
    fn what_is_public_is_found_wherever_it_stands() {
        for (name, value) in ALL {
            assert_eq!(used(&variables(&[(name, value)])), [name]);
        }
        let first = format!("development,{REAL}");
        let second = format!("{REAL}, {SERVICE_SECRET}");
        for (name, value) in [
            ("SERVICE_SECRET", first.as_str()),
            ("SERVICE_SECRET", &second),
            ("AUTH_KEY_ENCRYPTION_KEY", KEY_ENCRYPTION_KEY),
            ("AUTH_DATABASE_URL", "postgres://db/auth?user=auth&password=development"),
        ] {
            assert_eq!(used(&variables(&[(name, value)])), [name], "{value}");
        }
        for (name, value) in [
            ("SERVICE_SECRET", REAL),
            ("AUTH_KEY_ENCRYPTION_KEY", "Development"),
            ("AUTH_DATABASE_URL", "postgres://development:other@development/development"),
            ("AUTH_DATABASE_URL", "postgres://auth@db/auth"),
            ("ORG_DATABASE_URL", "sqlite:///development"),
            ("ORG_DATABASE_URL", "development"),
            ("AUTH_ISSUER", "development"),
        ] {
            assert!(used(&variables(&[(name, value)])).is_empty(), "{name}={value}");
        }
    }

    #[test]
    fn production_refuses_all_of_it_in_one_line_and_shows_none() {
        for (production, refused) in [("true", true), ("on", true), ("false", false), ("", false)] {
            let read = ProcessSettings::read(&variables(&[&ALL[..], &[("PRODUCTION", production)]].concat()));
            assert_eq!(read.is_err(), refused, "{production:?}");
            let Err(error) = read else { continue };
            let complaint = error.to_string();
            let names = "AUTH_DATABASE_URL, AUTH_KEY_ENCRYPTION_KEY, ORG_DATABASE_URL, SERVICE_SECRET: ";
            assert!(complaint.starts_with(names) && complaint.lines().count() == 1, "{complaint}");
            assert!(!complaint.contains(WORD) && complaint.contains("deploy/make-env"), "{complaint}");
        }
        assert!(
            ProcessSettings::read(&variables(&[("PRODUCTION", "true"), ("SERVICE_SECRET", REAL)])).is_ok()
        );
        let unclear = ProcessSettings::read(&variables(&[("PRODUCTION", "maybe")])).unwrap_err();
        assert!(unclear.to_string().starts_with("PRODUCTION: "), "{unclear}");
    }

    #[test]
    fn a_warning_names_what_is_public_and_shows_no_value() {
        let told = warning(&variables(&ALL)).unwrap();
        for (name, value) in ALL {
            assert!(told.contains(name) && !told.contains(value), "{told}");
        }
        assert!(!told.contains(SERVICE_SECRET) && !told.contains(KEY_ENCRYPTION_KEY), "{told}");
        let one = warning(&variables(&ALL[3..])).unwrap();
        assert!(one.contains("SERVICE_SECRET is known") && !one.contains("AUTH_"), "{one}");
        assert_eq!(warning(&variables(&[("SERVICE_SECRET", REAL)])), None);
        assert_eq!(warning(&variables(&[ALL[3], ("PRODUCTION", "true")])), None, "it is refused instead");
    }

    #[test]
    fn a_secret_from_a_file_counts_the_same() {
        let folder = std::env::temp_dir().join(format!("development-{}", crate::random::hex32()));
        std::fs::write(&folder, "development\n").unwrap();
        let path = folder.to_string_lossy().into_owned();
        let read = variables(&[("SERVICE_SECRET_FILE", &path)]).with_files().unwrap();
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(used(&read), ["SERVICE_SECRET"]);
    }
}
