//! A path is the same with and without its trailing slash.
//!
//! Routes are declared with one. A path that comes without is matched as if it had it, so that a route has one
//! pattern: of two actix makes regular expressions, though nothing in them varies. What the client sent stays as
//! it is for whoever asks for it.

use actix_web::{dev::ServiceRequest, http::Uri};

/// Has the routes match a path that ends without a slash as if it had one.
pub(super) fn complete(request: &mut ServiceRequest) {
    let path = request.uri().path();
    if path.ends_with('/') {
        return;
    }
    // What no path can be made of matches no route either way.
    if let Ok(completed) = Uri::builder().path_and_query(format!("{path}/")).build() {
        request.match_info_mut().get_mut().update(&completed);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App, HttpResponse,
        middleware::from_fn,
        test::{TestRequest, call_service, init_service},
    };

    use super::*;
    use crate::http::{Endpoint, frame};

    #[actix_web::test]
    async fn an_endpoint_is_found_with_its_slash_and_without() {
        let declared = |path: &str| Endpoint::open(path).get(HttpResponse::Ok);
        let below = actix_web::web::scope("/below").service(declared("/")).service(declared("/{id}/part/"));
        let app = App::new()
            .service(declared("/with/"))
            .service(declared("/without"))
            .service(below)
            .wrap(from_fn(frame::around));
        let app = init_service(app).await;
        for path in ["/with", "/without", "/below", "/below/7/part"] {
            for (ending, status) in [("", 200), ("/", 200), ("?a=b", 200), ("/?a=b", 200), ("//", 404)] {
                let request = TestRequest::with_uri(&format!("{path}{ending}")).to_request();
                assert_eq!(call_service(&app, request).await.status(), status, "{path}{ending}");
            }
        }
    }

    fn matched(uri: &str) -> (String, String) {
        let mut request = TestRequest::with_uri(uri).to_srv_request();
        complete(&mut request);
        (request.match_info().get_ref().path().to_owned(), request.uri().to_string())
    }

    #[test]
    fn only_what_routes_match_gets_a_slash() {
        for (sent, path) in [
            ("/api/x", "/api/x/"),
            ("/api/x/", "/api/x/"),
            ("/api/x?next=/y/", "/api/x/"),
            ("/api/x//?y", "/api/x//"),
            ("/api/a%20b%2F", "/api/a b%2F/"),
            ("http://host.example/api", "/api/"),
            ("*", "*/"),
        ] {
            assert_eq!(matched(sent), (path.to_owned(), sent.to_owned()));
        }
    }
}
