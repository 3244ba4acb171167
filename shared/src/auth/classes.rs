//! `AUTHENTICATION_CLASSES`: which ways of authenticating there are, and in which order.

use std::str::FromStr;

use crate::{
    Secret,
    config::{ConfigError, Variables},
};

/// One way of authenticating, named as in the original's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `JWTAuthentication`
    Jwt,
    /// `JWTStatelessUserAuthentication`: the user's state is never asked for.
    StatelessJwt,
    /// `SessionAuthentication`
    Session,
    /// `BasicAuthentication`
    Basic,
}

impl FromStr for Class {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text.rsplit('.').next() {
            Some("JWTAuthentication" | "jwt") => Ok(Self::Jwt),
            Some("JWTStatelessUserAuthentication" | "JWTTokenUserAuthentication") => Ok(Self::StatelessJwt),
            Some("SessionAuthentication" | "session") => Ok(Self::Session),
            Some("BasicAuthentication" | "basic") => Ok(Self::Basic),
            _ => Err(ConfigError::new(VARIABLE, &format!("`{text}` is not an authentication class"))),
        }
    }
}

/// The variable's name.
pub const VARIABLE: &str = "AUTHENTICATION_CLASSES";

/// The classes in order. The first decides between 401 with its challenge and 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationClasses(Vec<Class>);

impl Default for AuthenticationClasses {
    fn default() -> Self {
        Self(vec![Class::Jwt, Class::Session])
    }
}

impl AuthenticationClasses {
    /// Reads the variable; unset means tokens in a header, then in a session cookie.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let Some(text) = variables.get(VARIABLE) else { return Ok(Self::default()) };
        let classes = text.split(',').map(|class| class.trim().parse()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(classes))
    }

    /// The classes in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Class> {
        self.0.iter().copied()
    }

    /// Whether a class is among them.
    #[must_use]
    pub fn contains(&self, class: Class) -> bool {
        self.0.contains(&class)
    }

    /// Stops a service that is to ask an issuer elsewhere about passwords, but cannot.
    pub fn demand_secret(&self, secret: Option<&Secret<String>>) -> Result<(), ConfigError> {
        if secret.is_none() && self.contains(Class::Basic) {
            let complaint = "must be set with BasicAuthentication: the auth service answers nobody else";
            return Err(ConfigError::new("SERVICE_SECRET", complaint));
        }
        Ok(())
    }

    /// `WWW-Authenticate` of a refusal; sessions have none.
    pub(super) fn challenge(&self, header_types: &[String]) -> Option<String> {
        match self.0.first()? {
            Class::Session => None,
            Class::Basic => Some("Basic realm=\"api\"".to_owned()),
            Class::Jwt | Class::StatelessJwt => Some(bearer_challenge(header_types)),
        }
    }
}

/// `Bearer realm="api"`, with the first configured scheme (RFC 6750, section 3).
#[must_use]
pub fn bearer_challenge(header_types: &[String]) -> String {
    format!("{} realm=\"api\"", header_types.first().map_or("Bearer", String::as_str))
}
