//! [`Endpoint`]: a path with its methods, answering as Django REST framework does around them.
//!
//! The path is accepted with and without its trailing slash. Every answer carries `Allow`. Content
//! negotiation comes first, then authentication, then the method: so an anonymous `PUT` on a
//! protected list is 401, not 405.

use actix_web::{
    Error, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{AppService, HttpServiceFactory, ServiceRequest, ServiceResponse},
    guard,
    http::{Method, header},
    middleware::{Next, from_fn},
    web,
};

use crate::{Problem, auth::Caller, media};

/// A path and its methods.
pub struct Endpoint {
    resource: Resource,
    methods: Vec<&'static str>,
    protected: bool,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("methods", &self.methods).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint for everybody. `path` ends with a slash.
    #[must_use]
    pub fn open(path: &str) -> Self {
        let bare = path.strip_suffix('/').unwrap_or(path).to_owned();
        let resource = web::resource([bare.clone(), format!("{bare}/")]);
        Self { resource, methods: Vec::new(), protected: false }
    }

    /// An endpoint on which even a wrong method needs a [`Caller`]. The handlers themselves take
    /// one as an argument.
    #[must_use]
    pub fn protected(path: &str) -> Self {
        Self { protected: true, ..Self::open(path) }
    }

    /// Answers `GET` and `HEAD`.
    #[must_use]
    pub fn get<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let reads = guard::Any(guard::Get()).or(guard::Head());
        self.resource = self.resource.route(web::route().guard(reads).to(handler));
        self.methods.extend(["GET", "HEAD"]);
        self
    }

    /// Answers another method.
    #[must_use]
    pub fn on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods.extend(ORDER.into_iter().find(|name| *name == method.as_str()));
        self.resource = self.resource.route(web::method(method).to(handler));
        self
    }

    /// `Allow` lists methods in the framework's order, whatever the order of declaration.
    fn allow(&self) -> String {
        let known = ORDER.into_iter().filter(|method| self.methods.contains(method));
        known.collect::<Vec<_>>().join(", ")
    }
}

/// The order in which the framework lists methods.
const ORDER: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let allow = self.allow();
        let resource = if self.protected {
            self.resource.default_service(web::route().to(refuse_caller))
        } else {
            self.resource.default_service(web::route().to(refuse_method))
        };
        let around = move |request: ServiceRequest, next: Next<BoxBody>| answer(request, next, allow.clone());
        resource.wrap(from_fn(around)).register(config);
    }
}

async fn refuse_method(request: HttpRequest) -> Problem2 {
    Problem2(Problem::method_not_allowed(request.method().as_str()))
}

async fn refuse_caller(_: Caller, request: HttpRequest) -> Problem2 {
    refuse_method(request).await
}

/// A problem as a handler's regular answer.
struct Problem2(Problem);

impl Responder for Problem2 {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0.error_response()
    }
}

async fn answer(
    request: ServiceRequest,
    next: Next<BoxBody>,
    allow: String,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let accept = media::negotiate(request.request());
    let mut response = match accept {
        Ok(_) => next.call(request).await?,
        Err(ref problem) => request.into_response(problem.error_response()),
    };
    if let Ok(allow) = header::HeaderValue::from_str(&allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    match accept {
        Ok(media::Json { indent: Some(indent) }) => indented(response, indent).await,
        _ => Ok(response),
    }
}
