//! What a setting is while nobody sets it.

use super::{Alg, DEFAULT_ISSUER, List, OrNone, Span, Switch};

pub(super) fn issuer() -> OrNone<String> {
    OrNone::Some(DEFAULT_ISSUER.to_owned())
}
pub(super) const fn none<T>() -> OrNone<T> {
    OrNone::None
}
pub(super) const fn algorithm() -> Alg {
    Alg::EDDSA
}
pub(super) fn auth_header_types() -> List {
    List(vec!["Bearer".to_owned()])
}
pub(super) fn auth_header_name() -> String {
    "HTTP_AUTHORIZATION".to_owned()
}
pub(super) fn auth_token_classes() -> List {
    List(vec!["AccessToken".to_owned()])
}
pub(super) fn user_id_claim() -> String {
    "user_id".to_owned()
}
pub(super) fn token_type_claim() -> OrNone<String> {
    OrNone::Some("token_type".to_owned())
}
pub(super) fn jti_claim() -> OrNone<String> {
    OrNone::Some("jti".to_owned())
}
pub(super) fn refresh_exp_claim() -> String {
    "refresh_exp".to_owned()
}
pub(super) const fn on() -> Switch {
    Switch(true)
}
pub(super) const fn off() -> Switch {
    Switch(false)
}
pub(super) fn revoke_token_claim() -> String {
    "hash_password".to_owned()
}
pub(super) const fn jwks_cooldown() -> Span {
    Span::secs(10)
}
pub(super) const fn jwks_max_stale() -> Span {
    Span::secs(3600)
}
pub(super) const fn token_cache() -> usize {
    10_000
}
