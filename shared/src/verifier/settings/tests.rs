use super::*;

fn token_cache(value: Option<&str>) -> Result<usize, String> {
    let given = value.map(|value| ("AUTH_TOKEN_CACHE".to_owned(), value.to_owned()));
    let settings = VerifierSettings::read(&Variables::from_pairs(given));
    settings
        .and_then(|settings| settings.rules())
        .map(|rules| rules.token_cache)
        .map_err(|error| error.to_string())
}

#[test]
fn the_size_of_the_token_cache_can_be_set_within_bounds() {
    assert_eq!(token_cache(None), Ok(10_000));
    assert_eq!(token_cache(Some("")), Ok(10_000));
    assert_eq!(token_cache(Some("0")), Ok(0));
    assert_eq!(token_cache(Some("1000000")), Ok(1_000_000));
    for refused in ["1000001", "-1", "many", "1.5"] {
        let error = token_cache(Some(refused)).unwrap_err();
        assert!(error.contains("AUTH_TOKEN_CACHE"), "{error}");
    }
}
