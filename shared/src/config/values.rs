//! The shapes that settings come in.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{DbUrl, http::origin::TrustedProxies};

/// A length of time: `5m`, `1d`, `30s`, `500ms`, or a bare number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// So many seconds.
    #[must_use]
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// Whole seconds, as they go into tokens.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Longer spans than this (1,000 years) are mistakes and would overflow calendars.
const LONGEST: Duration = Duration::from_secs(1000 * 366 * 24 * 3600);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = match text.parse::<f64>() {
            Ok(secs) => Duration::try_from_secs_f64(secs).map_err(|e| e.to_string())?,
            Err(_) => humantime::parse_duration(text)
                .map_err(|e| format!("{e} (expected a duration such as 5m, 1d or 30s)"))?,
        };
        if span > LONGEST { Err("longer than 1,000 years".to_owned()) } else { Ok(Self(span)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 86_400;
        // 90 days are what somebody wrote, not two average months and a rest.
        let days = self.0.as_secs() / DAY;
        if days > 1 && self.0 == Duration::from_secs(days * DAY) {
            return write!(f, "{days}days");
        }
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A list of texts separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List(pub Vec<String>);

impl FromStr for List {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let items: Vec<String> =
            text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(Into::into).collect();
        if items.is_empty() { Err("expected at least one item".to_owned()) } else { Ok(Self(items)) }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// A yes or no: `true`, `on`, `yes`, `1` and their opposites, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(pub bool);

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Ok(Self(true)),
            "false" | "off" | "no" | "0" => Ok(Self(false)),
            _ => Err(format!("`{text}` is neither true nor false")),
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A value, or Python's `None` written as the literal `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrNone<T> {
    /// The literal `none`.
    None,
    /// Anything else.
    Some(T),
}

impl<T> OrNone<T> {
    /// As an option.
    pub const fn as_option(&self) -> Option<&T> {
        match self {
            Self::None => None,
            Self::Some(value) => Some(value),
        }
    }
}

impl<T: FromStr> FromStr for OrNone<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text.eq_ignore_ascii_case("none") { Ok(Self::None) } else { text.parse().map(Self::Some) }
    }
}

impl<T: fmt::Display> fmt::Display for OrNone<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Some(value) => value.fmt(f),
        }
    }
}

/// Serde through the text form, which is all that an environment variable has.
macro_rules! through_text {
    ($($type:ident $(<$param:ident>)?),*) => {$(
        impl<'de $(, $param: FromStr)?> Deserialize<'de> for $type $(<$param>)?
        $(where $param::Err: fmt::Display)?
        {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl $(<$param: fmt::Display>)? Serialize for $type $(<$param>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
through_text!(Span, List, Switch, OrNone<T>, DbUrl, TrustedProxies);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_duration_or_seconds() {
        for (text, secs) in [("5m", 300), ("1d", 86_400), ("300", 300), ("30days", 2_592_000)] {
            assert_eq!(text.parse::<Span>().unwrap(), Span::secs(secs), "{text}");
        }
        assert_eq!("0.5".parse::<Span>().unwrap().0, Duration::from_millis(500));
        for bad in ["", "soon", "-5", "nan", "1e300", "99999999999d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_span_is_shown_as_it_is_thought_and_reads_back() {
        for (text, shown) in [("90d", "90days"), ("86400", "1day"), ("1d 1s", "1day 1s"), ("5m", "5m")] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string(), shown);
            assert_eq!(shown.parse::<Span>().unwrap(), span);
        }
    }

    #[test]
    fn none_is_pythons_none() {
        assert_eq!("none".parse::<OrNone<String>>().unwrap(), OrNone::None);
        assert_eq!("None".parse::<OrNone<String>>().unwrap(), OrNone::None);
        assert_eq!("x".parse::<OrNone<String>>().unwrap(), OrNone::Some("x".into()));
    }

    #[test]
    fn a_switch_is_never_a_guess() {
        assert_eq!("On".parse::<Switch>().unwrap(), Switch(true));
        assert!("maybe".parse::<Switch>().is_err());
    }
}
