//! [`Endpoint`]: a path with its methods, answering as Django REST framework does around them.
//!
//! Every answer carries `Allow`. Content negotiation comes first, then authentication, then the method: so an
//! anonymous `PUT` on a protected list is 401, not 405.

use actix_web::{
    Error, FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Resource, Responder, ResponseError,
    body::BoxBody,
    dev::{AppService, HttpServiceFactory, ServiceRequest, ServiceResponse},
    guard,
    http::{Method, StatusCode, header},
    middleware::{Next, from_fn},
    web,
};

use crate::{
    Problem,
    auth::{Caller, VaryCookie},
    media::{Accept, Form},
};

/// A path and its methods.
pub struct Endpoint {
    path: String,
    resource: Resource,
    methods: Vec<&'static str>,
    protected: bool,
    negotiated: bool,
    other: Option<Form>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("path", &self.path)
            .field("methods", &self.methods)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint for everybody. Its path ends with a slash, whether `path` has it or not; requests may leave
    /// it out where [`frame::around`](super::frame::around) is around it, as in every server of
    /// [`bind`](super::server::bind).
    #[must_use]
    pub fn open(path: &str) -> Self {
        let path = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
        Self {
            resource: web::resource(path.as_str()),
            path,
            methods: Vec::new(),
            protected: false,
            negotiated: true,
            other: None,
        }
    }

    /// An endpoint on which even a wrong method needs a [`Caller`]. The handlers themselves take
    /// one as an argument.
    #[must_use]
    pub fn protected(path: &str) -> Self {
        Self { protected: true, ..Self::open(path) }
    }

    /// An open endpoint that answers something else than JSON, whatever `Accept` says.
    #[must_use]
    pub fn plain(path: &str) -> Self {
        Self { negotiated: false, ..Self::open(path) }
    }

    /// Answers in this form, too: whoever asks for it is let through, and the handler answers in it.
    #[must_use]
    pub fn offering(self, form: Form) -> Self {
        Self { other: Some(form), ..self }
    }

    /// The path as it was declared, and the methods that it answers: for tests that go through all there
    /// are, so that none is forgotten.
    #[must_use]
    pub fn surface(&self) -> (&str, &[&'static str]) {
        (&self.path, &self.methods)
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
        let (allow, negotiated, other) = (self.allow(), self.negotiated, self.other);
        let resource = if self.protected {
            self.resource.default_service(web::route().to(refuse_caller))
        } else {
            self.resource.default_service(web::route().to(refuse_method))
        };
        let around = move |request: ServiceRequest, next: Next<BoxBody>| {
            let negotiated = negotiated && !other.is_some_and(|form| form.is_asked_for(request.request()));
            answer(request, next, (allow.clone(), negotiated))
        };
        resource.wrap(from_fn(around)).register(config);
    }
}

async fn refuse_method(request: HttpRequest) -> HttpResponse {
    Problem::method_not_allowed(request.method().as_str()).error_response()
}

async fn refuse_caller(_: Caller, request: HttpRequest) -> HttpResponse {
    refuse_method(request).await
}

async fn answer(
    request: ServiceRequest,
    next: Next<BoxBody>,
    (allow, negotiated): (String, bool),
) -> Result<ServiceResponse<BoxBody>, Error> {
    let accept = if negotiated { Accept::of(request.request()) } else { Accept::Json { indent: None } };
    let mut response = match accept.refusal() {
        None => next.call(request).await?,
        Some((status, body)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_ACCEPTABLE);
            request.into_response(Problem::with_body(status, body).error_response())
        }
    };
    if response.request().extensions().contains::<VaryCookie>() {
        response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("Cookie"));
    }
    if let Ok(allow) = header::HeaderValue::from_str(&allow) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    match accept {
        Accept::Json { indent: Some(indent) } => indented(response, indent).await,
        _ => Ok(response),
    }
}

/// Pretty-prints a JSON answer for `Accept: application/json; indent=4`.
async fn indented(response: ServiceResponse<BoxBody>, indent: u8) -> Result<ServiceResponse<BoxBody>, Error> {
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
    if !json {
        return Ok(response);
    }
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let bytes = actix_web::body::to_bytes(body).await?;
    let pretty = pretty(&bytes, indent).unwrap_or_else(|| bytes.to_vec());
    let response = head.set_body(pretty).map_into_boxed_body();
    Ok(ServiceResponse::new(request, response))
}

fn pretty(bytes: &[u8], indent: u8) -> Option<Vec<u8>> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let spaces = vec![b' '; usize::from(indent)];
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let formatter = serde_json::ser::PrettyFormatter::with_indent(&spaces);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    serde::Serialize::serialize(&value, &mut serializer).ok()?;
    Some(out)
}
