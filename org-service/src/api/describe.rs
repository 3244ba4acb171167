//! `OPTIONS`: what the framework tells of an endpoint.

use actix_web::HttpResponse;
use serde_json::{Map, Value, json};
use shared::Caller;

use crate::{
    access::{Access, OrganizationUpdate},
    error::OrgError,
};

/// `OPTIONS organization/`
pub async fn list(_: Caller) -> HttpResponse {
    describe("Organization Api", Some("POST"))
}

/// `OPTIONS organization/{id}/`: without an organization, or the permission, there is nothing to put.
pub async fn detail(
    _: Caller,
    access: Result<Access<OrganizationUpdate>, OrgError>,
) -> Result<HttpResponse, OrgError> {
    match access {
        Ok(_) => Ok(describe("Organization Detail Api", Some("PUT"))),
        Err(OrgError::UnknownOrganization | OrgError::Forbidden) => {
            Ok(describe("Organization Detail Api", None))
        }
        Err(error) => Err(error),
    }
}

fn describe(name: &str, action: Option<&str>) -> HttpResponse {
    let mut body = json!({
        "name": name,
        "description": "",
        "renders": ["application/json"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    });
    if let (Some(action), Value::Object(body)) = (action, &mut body) {
        body.insert("actions".to_owned(), json!({ action: fields() }));
    }
    HttpResponse::Ok().json(body)
}

/// Name, type, label and the most characters of every field, in order.
const FIELDS: [(&str, &str, &str, Option<u16>); 9] = [
    ("id", "string", "ID", None),
    ("name", "string", "Name", Some(100)),
    ("description", "string", "Description", None),
    ("address", "string", "Address", Some(255)),
    ("website", "url", "Website", Some(200)),
    ("email", "email", "Email", Some(254)),
    ("is_active", "boolean", "Is active", None),
    ("created_at", "datetime", "Created at", None),
    ("updated_at", "datetime", "Updated at", None),
];

fn fields() -> Map<String, Value> {
    let field = |(name, kind, label, max): (&str, &str, &str, Option<u16>)| {
        let read_only = matches!(name, "id" | "created_at" | "updated_at");
        let mut field =
            json!({"type": kind, "required": name == "name", "read_only": read_only, "label": label});
        if let (Some(max), Value::Object(field)) = (max, &mut field) {
            field.insert("max_length".to_owned(), json!(max));
        }
        (name.to_owned(), field)
    };
    FIELDS.into_iter().map(field).collect()
}
