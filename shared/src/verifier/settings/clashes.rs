//! Claim names that cannot stand beside each other.

use crate::{claims::ClaimNames, config::ConfigError};

/// Two settings that give one claim two meanings would make tokens that nobody can read.
pub(super) fn refuse_clashes(names: &ClaimNames) -> Result<(), ConfigError> {
    let given = [
        ("AUTH_USER_ID_CLAIM", &names.user_id),
        ("AUTH_TOKEN_TYPE_CLAIM", &names.token_type),
        ("AUTH_JTI_CLAIM", &names.jti),
        ("AUTH_SLIDING_TOKEN_REFRESH_EXP_CLAIM", &names.refresh_exp),
        ("AUTH_REVOKE_TOKEN_CLAIM", &names.revoke),
    ];
    for (i, (name, claim)) in given.iter().enumerate() {
        let reserved = [
            "exp",
            "iat",
            "nbf",
            "iss",
            "aud",
            "sid",
            "gen",
            "csrf",
            "is_superuser",
            "org_id",
            "org_role",
            "permissions",
            "mv",
        ];
        if reserved.contains(&claim.as_str()) {
            return Err(ConfigError::new(name, &format!("`{claim}` has a meaning of its own")));
        }
        if let Some((other, _)) = given.iter().take(i).find(|(_, taken)| taken == claim) {
            return Err(ConfigError::new(name, &format!("`{claim}` is the claim of {other} already")));
        }
    }
    Ok(())
}
