//! What roles permit, on its way to validators: before the entries that it came with.

use diesel::QueryResult;
use shared::{
    DbConnection,
    revocation::{
        Kind, Revocations,
        wire::{RoleLine, RoleLines, event},
    },
};

use crate::store::{
    feed::Row,
    roles::{self, Definition},
};

/// Definitions read by one statement.
pub(super) const BATCH: i64 = 500;
/// The most bytes of permissions in one event, about: followers take no event of any size.
const MOST_BYTES: usize = 1024 * 1024;

/// The definitions that came with these entries, or newer ones of the same roles.
pub(super) fn of_rows(conn: &mut DbConnection, rows: &[Row]) -> QueryResult<Vec<Definition>> {
    let keys = rows.iter().filter(|row| row.kind == Kind::Role.as_str()).map(|row| row.key.as_str());
    roles::list(conn, &keys.collect::<Vec<_>>())
}

/// Tells validators in this process.
pub(super) fn receive(definitions: &[Definition], revocations: &Revocations) {
    for definition in definitions {
        let permissions = permissions(definition);
        let permissions = permissions.iter().map(String::as_str);
        revocations.roles().define(&definition.key, definition.version, permissions);
    }
}

/// The events for followers; an empty text if there is nothing to say.
pub(super) fn events(definitions: &[Definition]) -> String {
    let mut text = String::new();
    let mut rest = definitions;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|definition| {
            bytes += definition.permissions.len();
            bytes <= MOST_BYTES
        });
        // One alone is far smaller than what followers take.
        let (some, others) = rest.split_at(fits.count().max(1));
        let line = |definition: &Definition| {
            RoleLine(definition.key.clone().into(), definition.version, permissions(definition))
        };
        let lines = RoleLines { roles: some.iter().map(line).collect() };
        // Numbers and strings can always be written.
        text += &event("roles", &lines).unwrap_or_default();
        rest = others;
    }
    text
}

/// What this service itself has stored; whatever else stands there permits nothing.
fn permissions(definition: &Definition) -> Vec<String> {
    serde_json::from_str(&definition.permissions).unwrap_or_else(|error| {
        tracing::error!(%error, role.key = definition.key, "a role's definition cannot be read");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(permissions: &str) -> Definition {
        let permissions = permissions.to_owned();
        Definition { key: "o/r".into(), version: 5, permissions, seq: 1, expires_at: None }
    }

    #[test]
    fn many_definitions_become_events_that_followers_take() {
        let large = serde_json::json!(vec!["x".repeat(100); 1000]).to_string();
        for (count, expected) in [(0, 0), (1, 1), (10, 1), (11, 2), (25, 3)] {
            let text = events(&vec![definition(&large); count]);
            let events: Vec<&str> = text.split_terminator("\n\n").collect();
            assert_eq!(events.len(), expected, "{count}");
            assert!(
                events.iter().all(|event| event.starts_with("event: roles\n") && event.len() < 2_000_000)
            );
            assert_eq!(text.matches("\"o/r\"").count(), count);
        }
    }

    #[test]
    fn what_cannot_be_read_permits_nothing() {
        assert_eq!(permissions(&definition("[\"a:read\"]")), ["a:read"]);
        for odd in ["", "null", "{}", "[7]", "[\"a:read\""] {
            assert!(permissions(&definition(odd)).is_empty(), "{odd}");
        }
    }
}
