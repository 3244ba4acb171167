//! The settings by name, and which variants may be refused (D13).

use serde_json::{Value, json};

use super::{keys, variant};
use crate::settings::wants_jwks;

fn setting(own: &Value, name: &str) -> Option<String> {
    variant(own).settings.get(name).cloned()
}

fn jwt(own: &Value) -> Value {
    json!({"SIMPLE_JWT": own})
}

#[test]
fn each_kind_of_value_is_written_by_name() {
    let own = jwt(&json!({
        "ISSUER": "me", "LEEWAY": 30, "ACCESS_TOKEN_LIFETIME": 1, "CHECK_REVOKE_TOKEN": true, "NEW_ONE": null,
        "AUTH_HEADER_TYPES": ["JWT", "Bearer"], "VERIFYING_KEY": "<pem:rsa.pub.pem>",
        "JWK_URL": "<local JWKS url>",
    }));
    let expected = [
        ("AUTH_ISSUER", "me"),
        ("AUTH_LEEWAY", "30"),
        ("AUTH_ACCESS_TOKEN_LIFETIME", "1"),
        ("AUTH_REFRESH_TOKEN_LIFETIME", "86400"),
        ("AUTH_CHECK_REVOKE_TOKEN", "true"),
        ("AUTH_ROTATE_REFRESH_TOKENS", "false"),
        ("AUTH_NEW_ONE", "none"),
        ("AUTH_AUDIENCE", "none"),
        ("AUTH_AUTH_HEADER_TYPES", "JWT,Bearer"),
        ("AUTH_JWK_URL", "http://127.0.0.1:1/jwks.json"),
        ("AUTH_TOKEN_BLACKLIST", "true"),
        ("AUTH_REFRESH_GRACE", "0"),
        ("AUTH_SESSION_COOKIE_NAME", "sessionid"),
        ("AUTH_CSRF_COOKIE_NAME", "csrftoken"),
        ("AUTH_CSRF_HEADER_NAME", "X-CSRFToken"),
        ("ORG_VISIBILITY", "all"),
        ("ORG_PAGE_SIZE", "5"),
        ("ORG_PAGE_SIZE_QUERY_PARAM", "none"),
        ("ORG_USER_STATE", "ask"),
    ];
    for (name, value) in expected {
        assert_eq!(setting(&own, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(setting(&own, "AUTH_VERIFYING_KEY"), keys().read("rsa.pub.pem").ok());
    assert_eq!(setting(&json!({}), "AUTH_LEEWAY").as_deref(), Some("0"));
    assert!(wants_jwks(own.as_object().unwrap()) && !wants_jwks(json!({}).as_object().unwrap()));
}

#[test]
fn settings_outside_simple_jwt_have_their_own_names() {
    let stateless = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication";
    let own = json!({
        "SECRET_KEY": "<5 bytes>", "DEBUG": true, "token_blacklist_installed": false,
        "AUTHENTICATION_BACKENDS": ["a.B", "c.D"],
        "REST_FRAMEWORK": {
            "PAGE_SIZE": 2, "DEFAULT_PARSER_CLASSES": ["x"], "OTHER": true,
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.BasicAuthentication", stateless],
        },
    });
    assert_eq!(setting(&own, "AUTH_SIGNING_KEY").map(|secret| secret.len()), Some(5));
    assert_eq!(setting(&own, "AUTH_AUTHENTICATION_BACKENDS").as_deref(), Some("a.B,c.D"));
    assert_eq!(setting(&own, "AUTH_TOKEN_BLACKLIST").as_deref(), Some("false"));
    assert_eq!(setting(&own, "ORG_PAGE_SIZE").as_deref(), Some("2"));
    assert_eq!(setting(&own, "ORG_OTHER").as_deref(), Some("true"));
    assert_eq!(setting(&own, "ORG_USER_STATE"), None);
    let classes = setting(&own, "AUTHENTICATION_CLASSES").unwrap();
    assert_eq!(classes, format!("rest_framework.authentication.BasicAuthentication,{stateless}"));
    assert!(variant(&own).settings.keys().all(|name| !name.contains("PARSER") && !name.contains("DEBUG")));
}

#[test]
fn d13_is_for_variants_that_cannot_be_safe_or_cannot_work() {
    let (key, public) = ("<pem:rsa.pem>", "<pem:rsa.pub.pem>");
    let refusable = [
        json!({"JTI_CLAIM": null}),
        json!({"TOKEN_TYPE_CLAIM": null}),
        json!({"ALGORITHM": "RS256"}),
        json!({"ALGORITHM": "RS256", "SIGNING_KEY": key, "VERIFYING_KEY": null}),
        json!({"ALGORITHM": "RS256", "SIGNING_KEY": null, "VERIFYING_KEY": public}),
        json!({"ALGORITHM": "ES512", "SIGNING_KEY": key, "VERIFYING_KEY": public}),
        json!({"ALGORITHM": "ES521", "SIGNING_KEY": key, "VERIFYING_KEY": public}),
        json!({"ALGORITHM": "ES256K", "SIGNING_KEY": key, "VERIFYING_KEY": public}),
    ];
    for own in refusable {
        assert!(variant(&jwt(&own)).may_be_refused(), "{own}");
    }
    let sound = [
        json!({}),
        json!({"AUDIENCE": null}),
        json!({"ALGORITHM": "HS512"}),
        json!({"ALGORITHM": "RS256", "SIGNING_KEY": key, "VERIFYING_KEY": public}),
        json!({"ALGORITHM": "RS256", "SIGNING_KEY": key, "JWK_URL": "<local JWKS url>"}),
    ];
    for own in sound {
        assert!(!variant(&jwt(&own)).may_be_refused(), "{own}");
    }
}
