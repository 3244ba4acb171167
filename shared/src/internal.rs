//! Calls between services, on management ports: how a service proves that it is one.
//!
//! Every such call carries `SERVICE_SECRET`. A handler that takes a [`ServiceCall`] refuses everybody
//! else; and where no secret is set, everybody.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::StatusCode, web::Data};
use aws_lc_rs::constant_time;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Problem, Secret,
    config::{self, ConfigError, Variables},
};

/// The header that carries `SERVICE_SECRET` on internal calls.
pub const SERVICE_SECRET_HEADER: &str = "X-Service-Secret";

/// `SERVICE_SECRET`: any of these authenticates a call to us, the first goes with ours to others.
#[derive(Debug, Clone, Default)]
pub struct ServiceSecrets(Arc<[Secret<String>]>);

impl ServiceSecrets {
    /// Reads the setting.
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        config::service_secrets(variables).map(|secrets| Self(secrets.into()))
    }

    /// What our own calls carry; none if there is no secret.
    #[must_use]
    pub fn own(&self) -> Option<Secret<String>> {
        self.0.first().cloned()
    }

    /// Whether this is one of the secrets. Takes the same time for every text of one length.
    #[must_use]
    pub fn accept(&self, presented: &[u8]) -> bool {
        let is = |secret: &Secret<String>| {
            constant_time::verify_slices_are_equal(secret.expose().as_bytes(), presented).is_ok()
        };
        self.0.iter().any(is)
    }
}

/// A call by another service. Taking one as an argument closes a handler to everybody else: 403. It
/// needs [`ServiceSecrets`] among the application data.
#[derive(Debug, Clone, Copy)]
pub struct ServiceCall(());

impl FromRequest for ServiceCall {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(secrets) = request.app_data::<Data<ServiceSecrets>>() else {
            tracing::error!("an internal route has no ServiceSecrets among its application data");
            return ready(Err(Problem::internal()));
        };
        let presented = request.headers().get(SERVICE_SECRET_HEADER);
        let known = presented.is_some_and(|presented| secrets.accept(presented.as_bytes()));
        ready(if known { Ok(Self(())) } else { Err(not_a_service()) })
    }
}

fn not_a_service() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "The service secret is missing or wrong.")
}

/// The client for calls between services: short limits, no redirects, no proxies from the environment.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(std::time::Duration::from_secs(2))
        .timeout(std::time::Duration::from_secs(5))
        // Shorter than services keep them: no call on a connection that its other end is closing.
        .pool_idle_timeout(std::time::Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
}

/// Another service's management port.
#[derive(Clone, Copy)]
pub(crate) struct Peer<'a> {
    pub(crate) url: &'a url::Url,
    pub(crate) secret: Option<&'a Secret<String>>,
    pub(crate) client: &'a reqwest::Client,
}

impl Peer<'_> {
    /// Posts JSON. The error's text names neither the address, which may hold credentials, nor the body.
    pub(crate) async fn post(self, path: &str, body: &impl Serialize) -> Result<reqwest::Response, String> {
        let Some(secret) = self.secret else {
            return Err("without SERVICE_SECRET no service answers".to_owned());
        };
        let url = self.url.join(path).map_err(|error| error.to_string())?;
        let request = self.client.post(url).header(SERVICE_SECRET_HEADER, secret.expose()).json(body);
        request.send().await.map_err(unusable)
    }

    /// Posts JSON and reads JSON: from an answer with status 200, and no other.
    pub(crate) async fn ask<T: DeserializeOwned>(
        self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, String> {
        let response = self.post(path, body).await?;
        expect(&response, StatusCode::OK)?;
        response.json().await.map_err(unusable)
    }
}

/// Demands a status of an answer.
pub(crate) fn expect(response: &reqwest::Response, status: StatusCode) -> Result<(), String> {
    match response.status().as_u16() {
        found if found == status.as_u16() => Ok(()),
        found => Err(format!("the answer has status {found}")),
    }
}

fn unusable(error: reqwest::Error) -> String {
    error.without_url().to_string()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const ONE: &str = "one: a secret of thirty-two bytes or more";
    const TWO: &str = "two: a secret of thirty-two bytes or more";

    fn secrets(text: &str) -> ServiceSecrets {
        let pair = ("SERVICE_SECRET".to_owned(), text.to_owned());
        ServiceSecrets::read(&Variables::from_pairs([pair])).unwrap()
    }

    fn status(secrets: &ServiceSecrets, presented: Option<&str>) -> u16 {
        let mut request = TestRequest::default().app_data(Data::new(secrets.clone()));
        if let Some(presented) = presented {
            request = request.insert_header((SERVICE_SECRET_HEADER, presented));
        }
        let request = request.to_http_request();
        let call = ServiceCall::from_request(&request, &mut Payload::None).into_inner();
        call.map_or_else(|problem| problem.status().as_u16(), |_| 200)
    }

    #[test]
    fn any_of_the_secrets_opens_and_nothing_else_does() {
        let both = secrets(&format!("{ONE},{TWO}"));
        for (presented, expected) in [
            (Some(ONE), 200),
            (Some(TWO), 200),
            (Some(&ONE[1..]), 403),
            (Some(&format!("{ONE}x")), 403),
            (Some(""), 403),
            (None, 403),
        ] {
            assert_eq!(status(&both, presented), expected, "{presented:?}");
        }
        assert_eq!(both.own().unwrap().expose(), ONE);
    }

    #[test]
    fn without_a_secret_nobody_is_a_service() {
        let none = ServiceSecrets::default();
        for presented in [None, Some(""), Some(ONE)] {
            assert_eq!(status(&none, presented), 403);
        }
    }

    #[test]
    fn a_route_that_nobody_gave_the_secrets_is_closed() {
        let request = TestRequest::default().insert_header((SERVICE_SECRET_HEADER, "")).to_http_request();
        let call = ServiceCall::from_request(&request, &mut Payload::None).into_inner();
        assert_eq!(call.unwrap_err().status().as_u16(), 500);
    }
}
