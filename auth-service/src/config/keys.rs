//! The settings of keys: one from the settings, or managed ones and their schedule.

use std::time::Duration;

use shared::{
    Secret,
    config::{ConfigError, Variables, values::Span},
    verifier::{Rules, VerifierSettings},
};

use super::{TokenPolicy, settings::Settings};

/// How long validators may keep the published key set: the `max-age` of its answer.
pub const KEY_SET_MAX_AGE: Duration = Duration::from_secs(60);
/// Added to every life: clocks differ, and a replica may be late to hear that it signs no more.
const MARGIN: Duration = Duration::from_secs(60);
/// Keys of one purpose that may verify at once: validators bound the size of a key set.
const MOST_KEYS: u32 = 100;

/// How managed keys follow one another.
#[derive(Debug, Clone, Copy)]
pub struct KeySchedule {
    /// `AUTH_KEY_ROTATION`: how long a key signs; none: until somebody rotates it.
    pub rotation: Option<Duration>,
    /// `AUTH_KEY_PUBLISH_AHEAD`: how long a key is known before it signs.
    pub publish_ahead: Duration,
    /// The longest that an access or sliding token counts after it was signed, by these settings.
    pub access_life: Duration,
    /// The same for refresh tokens.
    pub refresh_life: Duration,
}

impl KeySchedule {
    /// Reads the schedule; a contradiction is refused.
    pub(super) fn new(settings: &Settings, tokens: &TokenPolicy, rules: &Rules) -> Result<Self, ConfigError> {
        let life = |lifetime: Span| lifetime.0 + rules.expiry_leeway() + MARGIN;
        let schedule = Self {
            rotation: settings.key_rotation.as_option().map(|period| period.0),
            publish_ahead: settings.key_publish_ahead.0,
            access_life: life(tokens.access_lifetime.max(tokens.sliding_lifetime)),
            refresh_life: life(tokens.refresh_lifetime),
        };
        let Some(rotation) = schedule.rotation else { return Ok(schedule) };
        if rotation <= schedule.publish_ahead {
            let complaint = "must be longer than AUTH_KEY_PUBLISH_AHEAD, or none";
            return Err(ConfigError::new("AUTH_KEY_ROTATION", complaint));
        }
        let longest = schedule.access_life.max(schedule.refresh_life);
        if longest > rotation.saturating_mul(MOST_KEYS) {
            let complaint = format!(
                "too short for tokens that live this long: over {MOST_KEYS} keys would verify at once"
            );
            return Err(ConfigError::new("AUTH_KEY_ROTATION", &complaint));
        }
        Ok(schedule)
    }

    /// Whether validators that keep the key set as long as they may can meet a key before they know it.
    #[must_use]
    pub fn outruns_caches(&self) -> bool {
        self.publish_ahead <= KEY_SET_MAX_AGE
    }
}

/// The explicit key, and the contradictions around it.
pub(super) fn signing_key(
    verifier: &VerifierSettings,
    variables: &Variables,
) -> Result<Option<Secret<String>>, ConfigError> {
    match verifier.signing_key() {
        Some(Some(key)) => Ok(Some(Secret::new(key.to_owned()))),
        Some(None) => Err(ConfigError::new(
            "AUTH_SIGNING_KEY",
            "cannot be none: the auth service could not issue tokens",
        )),
        None => {
            let contradiction = ["AUTH_VERIFYING_KEY", "AUTH_JWK_URL"]
                .into_iter()
                .find(|name| variables.get(name).is_some_and(|value| !value.eq_ignore_ascii_case("none")));
            match contradiction {
                Some(name) => {
                    let why =
                        "contradicts managed keys: it is for use with AUTH_SIGNING_KEY, or for validators";
                    Err(ConfigError::new(name, why))
                }
                None => Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<KeySchedule, String> {
        let base = ("AUTH_DATABASE_URL", "sqlite:///tmp/none.db");
        let pairs = pairs.iter().chain([&base]).map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let config = Config::read(&Variables::from_pairs(pairs)).map_err(|error| error.to_string())?;
        Ok(config.key_schedule)
    }

    #[test]
    fn a_retired_key_outlives_the_longest_token_its_leeway_and_a_margin() {
        let defaults = read(&[]).unwrap();
        assert_eq!(defaults.rotation, Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(defaults.access_life, Duration::from_secs(300 + 60));
        assert_eq!(defaults.refresh_life, Duration::from_secs(86_400 + 60));
        let sliding = read(&[("AUTH_SLIDING_TOKEN_LIFETIME", "1h"), ("AUTH_LEEWAY", "7")]).unwrap();
        assert_eq!(sliding.access_life, Duration::from_secs(3600 + 7 + 60));
    }

    #[test]
    fn a_schedule_that_contradicts_itself_is_refused() {
        for pairs in [
            &[("AUTH_KEY_ROTATION", "5m")][..],
            &[("AUTH_KEY_ROTATION", "10m")],
            &[("AUTH_KEY_ROTATION", "0"), ("AUTH_KEY_PUBLISH_AHEAD", "0")],
            &[("AUTH_KEY_ROTATION", "1h"), ("AUTH_REFRESH_TOKEN_LIFETIME", "30d")],
        ] {
            let error = read(pairs).unwrap_err();
            assert!(error.starts_with("AUTH_KEY_ROTATION: ") && !error.contains('\n'), "{error}");
        }
        assert!(read(&[("AUTH_KEY_ROTATION", "none"), ("AUTH_KEY_PUBLISH_AHEAD", "1000d")]).is_ok());
        assert_eq!(read(&[("AUTH_KEY_ROTATION", "none")]).unwrap().rotation, None);
    }

    #[test]
    fn a_lead_within_the_cache_life_of_the_key_set_is_noticed() {
        assert!(read(&[("AUTH_KEY_PUBLISH_AHEAD", "60s")]).unwrap().outruns_caches());
        assert!(!read(&[("AUTH_KEY_PUBLISH_AHEAD", "61s")]).unwrap().outruns_caches());
    }
}
