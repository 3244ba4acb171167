//! Tokens whose text, or whose JSON, is not what it should be.

use serde_json::json;

use crate::{
    forge::{Forged, GENUINE, Key, MARK, Parts, encode, raw, segments},
    spelling::turned,
    world::{ACCESS, Door, World, check_refusal},
};

#[tokio::test]
async fn a_letter_changed_anywhere_makes_the_token_invalid() -> anyhow::Result<()> {
    let world = World::managed().await?;
    world
        .refuse_made_of_pair(|token| {
            let letters = (0..token.len()).filter(|at| token.as_bytes().get(*at) != Some(&b'.'));
            let last = token.len() - 1;
            let chosen = letters.filter(|at| at % 5 == 0 || last - at < 3);
            let forged = chosen.map(|at| (format!("letter {at} changed"), turned(token, at, 16)));
            Ok(forged.collect())
        })
        .await
}

#[tokio::test]
async fn parts_cut_swapped_or_added_make_the_token_invalid() -> anyhow::Result<()> {
    let world = World::managed().await?;
    let other = world.server.login("alice").await?;
    let others = [other.access.unwrap_or_default(), other.refresh.unwrap_or_default()];
    world
        .refuse_made_of_pair(|token| {
            let [header, payload, signature] = segments(token)?;
            let parts = Parts::of(token)?;
            let kept = |parts: Parts| parts.with_signature(signature);
            let mut forged = vec![
                ("a later exp", kept(parts.clone().claim("exp", 4_000_000_000_u64))),
                ("another user", kept(parts.clone().claim("user_id", MARK))),
                ("a superuser", kept(parts.clone().claim("is_superuser", true))),
                ("another typ", kept(parts.header("typ", "at+jwt"))),
                ("no signature", format!("{header}.{payload}.")),
                ("no payload", format!("{header}..{signature}")),
                ("no header", format!(".{payload}.{signature}")),
                ("two segments", format!("{header}.{payload}")),
                ("one segment", header.to_owned()),
                ("four segments", format!("{token}.{signature}")),
                ("a leading dot", format!(".{token}")),
                ("a trailing dot", format!("{token}.")),
                ("dots alone", "..".to_owned()),
                ("header and payload swapped", format!("{payload}.{header}.{signature}")),
                (
                    "half a signature",
                    format!("{header}.{payload}.{}", signature.split_at(signature.len() / 2).0),
                ),
                ("the signature twice", format!("{token}{signature}")),
                ("all in capitals", token.to_ascii_uppercase()),
            ];
            for other in &others {
                let [_, their_payload, their_signature] = segments(other)?;
                forged.push(("another's signature", format!("{header}.{payload}.{their_signature}")));
                forged.push(("another's payload", format!("{header}.{their_payload}.{signature}")));
            }
            Ok(forged.into_iter().map(|(label, token)| (label.to_owned(), token)).collect())
        })
        .await
}

#[tokio::test]
async fn a_member_that_stands_twice_makes_the_token_invalid() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    let parts = Parts::of(world.access())?;
    let (header, claims) = (parts.header_text(), parts.claims_text());
    world.accept(&ACCESS, &raw(&genuine, &header, &claims)?).await?;
    let twice = |text: &str, member: &str| {
        [text.replacen('{', &format!("{{{member},"), 1), format!("{},{member}}}", text.trim_end_matches('}'))]
    };
    let mut forged: Vec<Forged> = Vec::new();
    for member in
        [r#""alg":"none""#, r#""alg":"EdDSA""#, r#""a\u006cg":"none""#, r#""kid":"x""#, r#""typ":"x""#]
    {
        for header in twice(&header, member) {
            forged.push((format!("header {member} twice"), raw(&genuine, &header, &claims)?));
        }
    }
    let members = [
        r#""exp":4000000000"#,
        r#""\u0065xp":4000000000"#,
        r#""user_id":"1""#,
        r#""token_type":"access""#,
        r#""token_typ\u0065":"refresh""#,
        r#""jti":"x""#,
        r#""iss":"x""#,
        r#""sub":"x""#,
        r#""sid":"x""#,
    ];
    for member in members {
        for claims in twice(&claims, member) {
            forged.push((format!("claim {member} twice"), raw(&genuine, &header, &claims)?));
        }
    }
    world.refuse(&ACCESS, &forged).await
}

#[tokio::test]
async fn what_is_no_plain_json_object_is_refused() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    let parts = Parts::of(world.access())?;
    let (header, claims) = (parts.header_text(), parts.claims_text());
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let with_deep = |text: &str| text.replacen('{', &format!(r#"{{"deep":{deep},"#), 1);
    let odd = [
        "",
        "null",
        "5",
        "true",
        "\"{}\"",
        "[]",
        "[{}]",
        "{",
        "{}{}",
        "{'alg':'EdDSA'}",
        "{\"a\":NaN}",
        "{}\0",
    ];
    let mut forged: Vec<Forged> = Vec::new();
    for text in odd {
        forged.push((format!("header {text}"), raw(&genuine, text, &claims)?));
        forged.push((format!("payload {text}"), raw(&genuine, &header, text)?));
    }
    for (how, bad) in [("a byte order mark", "\u{feff}{"), ("a trailing comma", "{\"x\":1,,")] {
        forged.push((format!("{how} in the header"), raw(&genuine, &header.replacen('{', bad, 1), &claims)?));
        forged
            .push((format!("{how} in the payload"), raw(&genuine, &header, &claims.replacen('{', bad, 1))?));
    }
    forged.push(("5,000 levels in the header".into(), raw(&genuine, &with_deep(&header), &claims)?));
    forged.push(("5,000 levels in the payload".into(), raw(&genuine, &header, &with_deep(&claims))?));
    let latin = [b"{\"x\":\"\xe9\",".as_slice(), claims.trim_start_matches('{').as_bytes()].concat();
    forged.push((
        "bytes that are no UTF-8".into(),
        genuine.sign(&format!("{}.{}", encode(&header), encode(latin)))?,
    ));
    world.refuse(&ACCESS, &forged).await?;
    let nested = parts.claim("x", json!({"a": [{"b": [[], {}, null]}]})).header("x", json!([[[]]]));
    world.accept(&ACCESS, &nested.signed_by(&genuine)?).await
}

#[tokio::test]
async fn extensions_that_we_do_not_know_are_not_ignored() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    world
        .refuse_made_of_pair(|token| {
            let parts = Parts::of(token)?;
            let mut forged = Vec::new();
            for crit in [json!([]), json!(["exp"]), json!(["b64"]), json!([MARK]), json!("exp"), json!(null)]
            {
                forged
                    .push((format!("crit {crit}"), parts.clone().header("crit", crit).signed_by(&genuine)?));
            }
            for b64 in [json!(true), json!(false), json!(null)] {
                forged.push((format!("b64 {b64}"), parts.clone().header("b64", b64).signed_by(&genuine)?));
            }
            let unencoded = parts.clone().header("crit", json!(["b64"])).header("b64", false).header_text();
            let message = format!("{}.{}", encode(unencoded), parts.claims_text().replace('.', ""));
            forged.push(("an unencoded payload".into(), genuine.sign(&message)?));
            Ok(forged)
        })
        .await
}

#[tokio::test]
async fn long_tokens_and_control_characters_are_refused() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    let long = |size: usize| Parts::of(world.access())?.claim("x", "x".repeat(size)).signed_by(&genuine);
    world.accept(&ACCESS, &long(8_000)?).await?;
    world.refuse(&ACCESS, &[("20 KB".into(), long(15_000)?), ("a's".into(), "a".repeat(20_000))]).await?;
    let bodies = [("100 KB".into(), long(75_000)?), ("dots".into(), ".".repeat(100_000))];
    world.refuse(&[Door::Verify, Door::Refresh], &bodies).await?;
    for control in
        ['\u{1}', '\t', '\u{b}', '\u{1b}', '\u{7f}', '\u{85}', '\u{a0}', '\u{200b}', '\u{2028}', '\u{fffd}']
    {
        let (front, back) = world.access().split_at(20);
        let token = format!("{front}{control}{back}");
        for door in [Door::Verify, Door::Refresh] {
            let answer = world.knock(door, &token).await?;
            check_refusal(&format!("{control:?} at {door:?}"), &answer, &token);
        }
    }
    world.accept(&ACCESS, world.access()).await
}
