//! Every setting reaches the containers: `docker-compose.yml` names them all.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Context as _;
use serde_json::Value;
use shared::config::{Listing, Variables, print_listings};

/// Settings that a container's own entry fixes are there as well; nothing else is left out.
#[test]
fn every_setting_of_both_services_can_be_set_from_outside() -> anyhow::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker-compose.yml");
    let text = fs::read_to_string(file)?;
    let shared = names(&block(&text, "x-settings: &settings")?);
    let pairs = |pairs: &[(&str, &str)]| {
        Variables::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    };
    let auth = pairs(&[("AUTH_DATABASE_URL", "sqlite:///x"), ("AUTH_KEY_ENCRYPTION_KEY", "development")]);
    let org = pairs(&[("ORG_DATABASE_URL", "sqlite:///x")]);
    for (service, settings) in [
        ("  auth-service:", listed(auth_service::Config::read(&auth)?.listings())?),
        ("  org-service:", listed(org_service::Config::read(&org)?.listings())?),
    ] {
        let own = names(&block(&text, service)?);
        let missing: Vec<_> =
            settings.iter().filter(|name| !shared.contains(*name) && !own.contains(*name)).collect();
        assert!(missing.is_empty(), "{service} does not get {missing:?}");
        assert!(own.len() > 5, "{service} {own:?}");
    }
    Ok(())
}

/// An engine gives networks without a range the next of its own, in turn: the twelfth would meet ours.
#[test]
fn the_fixed_network_is_none_that_an_engine_hands_out() -> anyhow::Result<()> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker-compose.yml"))?;
    let default = |name: &str| {
        let (_, rest) = text.split_once(&format!("${{{name}:-")).with_context(|| format!("no {name}"))?;
        rest.split_once('}').map(|(value, _)| value).context("an end")
    };
    let octets = |address: &str| -> anyhow::Result<Vec<u8>> {
        address.split(['.', '/']).take(4).map(|octet| Ok(octet.parse()?)).collect()
    };
    let subnet = octets(default("GATEWAY_INTERNAL_SUBNET")?)?;
    let is_the_engines = matches!(&subnet[..], [172, 17..=31, ..] | [192, 168, ..]);
    assert!(!is_the_engines, "{subnet:?}");
    for name in ["GATEWAY_INTERNAL_RANGE", "GATEWAY_INTERNAL_ADDRESS"] {
        assert_eq!(octets(default(name)?)?[..3], subnet[..3], "{name}");
    }
    Ok(())
}

/// The lines below this one that are indented further.
fn block(text: &str, first: &str) -> anyhow::Result<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| *line != first);
    let first = lines.next().with_context(|| format!("no line `{first}`"))?;
    let inside = lines.take_while(|line| line.is_empty() || indent(line) > indent(first));
    Ok(inside.collect::<Vec<_>>().join("\n"))
}

/// What looks like a variable's name, at the beginning of a line.
fn names(block: &str) -> BTreeSet<String> {
    let keys = block.lines().filter_map(|line| line.trim_start().split_once(':'));
    let is_name = |key: &str| key.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    keys.filter(|(key, _)| is_name(key)).map(|(key, _)| key.to_owned()).collect()
}

fn listed(listings: &[Listing]) -> anyhow::Result<Vec<String>> {
    let mut out = Vec::new();
    print_listings(listings, true, &mut out)?;
    let all: Value = serde_json::from_slice(&out)?;
    let all = all.as_array().context("a list")?;
    Ok(all.iter().filter_map(|item| item.get("name")?.as_str().map(str::to_owned)).collect())
}
