//! The header that carries the token (RFC 6750, section 2.1; RFC 9110, section 11).

use reqwest::header::HeaderValue;

use crate::world::{BEARER, World, check_refusal};

const TWO_VALUES: &str = "Authorization header must contain two space-delimited values";
const NOTHING: &str = "Authentication credentials were not provided.";

/// Every bearer door refuses a request with these header lines, in these words.
async fn refused(world: &World, lines: &[&[u8]], words: &str) -> anyhow::Result<()> {
    for door in BEARER {
        let (actor, mut request) = world.ask(door);
        for line in lines {
            request = request.header("Authorization", HeaderValue::from_bytes(line)?);
        }
        let answer = actor.send(request).await?;
        let shown: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
        check_refusal(&format!("{shown:?} at {door:?}"), &answer, world.access());
        assert_eq!(answer.detail(), words, "{shown:?} at {door:?}");
    }
    Ok(())
}

#[tokio::test]
async fn two_authorization_headers_are_refused_whatever_they_say() -> anyhow::Result<()> {
    let world = World::managed().await?;
    world.accept(&BEARER, world.access()).await?;
    let good = format!("Bearer {}", world.access());
    for lines in [[good.as_str(), "Bearer x"], ["Bearer x", &good], [&good, &good], [&good, "Basic YTpi"]] {
        refused(&world, &lines.map(str::as_bytes), TWO_VALUES).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_scheme_is_compared_without_case() -> anyhow::Result<()> {
    let world = World::managed().await?;
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer\t", "bearer   "] {
        for door in BEARER {
            let (actor, request) = world.ask(door);
            let line = format!("{scheme}{}", world.access());
            let answer = actor.send(request.header("Authorization", line)).await?;
            assert_eq!(answer.status, 200, "{scheme:?} at {door:?}: {}", answer.text);
        }
    }
    Ok(())
}

#[tokio::test]
async fn other_schemes_are_no_credentials() -> anyhow::Result<()> {
    let world = World::managed().await?;
    let token = world.access();
    refused(&world, &[], NOTHING).await?;
    for line in ["", "Token x", "JWT x", "Basic YTpi", "Bearer:", "Bearer, x", "Bearer=x", "Bear", token] {
        refused(&world, &[line.as_bytes()], NOTHING).await?;
    }
    for line in [format!("Bearer{token}"), format!("JWT {token}"), format!("\"Bearer\" {token}")] {
        refused(&world, &[line.as_bytes()], NOTHING).await?;
    }
    // Letters that fold to ours under Unicode are others.
    refused(&world, &[format!("\u{212a}earer {token}").as_bytes()], NOTHING).await
}

#[tokio::test]
async fn anything_but_one_value_is_refused() -> anyhow::Result<()> {
    let world = World::managed().await?;
    let token = world.access();
    for line in
        ["Bearer".to_owned(), "Bearer ".to_owned(), format!("Bearer {token} x"), format!("Bearer x {token}")]
    {
        refused(&world, &[line.as_bytes()], TWO_VALUES).await?;
    }
    let (front, back) = token.split_at(30);
    refused(&world, &[format!("Bearer {front} {back}").as_bytes()], TWO_VALUES).await?;
    refused(&world, &[format!("Bearer {front}\t{back}").as_bytes()], TWO_VALUES).await
}

#[tokio::test]
async fn bytes_beyond_ascii_are_no_token() -> anyhow::Result<()> {
    let world = World::managed().await?;
    let invalid = "Given token not valid for any token type";
    for odd in [[0xff, 0xfe].as_slice(), &[0xc3, 0x28], "\u{a0}".as_bytes(), "é".as_bytes()] {
        let line = [b"Bearer ", world.access().as_bytes(), odd].concat();
        refused(&world, &[&line], invalid).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_token_in_the_query_a_cookie_or_another_header_is_not_looked_at() -> anyhow::Result<()> {
    let world = World::managed().await?;
    let token = world.access();
    for door in BEARER {
        let (actor, request) = world.ask(door);
        let request = request
            .query(&[("access_token", token), ("token", token), ("authorization", token)])
            .header("Cookie", format!("access_token={token}; Authorization=Bearer%20{token}"))
            .header("Proxy-Authorization", format!("Bearer {token}"))
            .header("X-Authorization", format!("Bearer {token}"))
            .header("X-Access-Token", token);
        let answer = actor.send(request).await?;
        check_refusal(&format!("{door:?}"), &answer, token);
        assert_eq!(answer.detail(), NOTHING, "{door:?}");
    }
    world.accept(&BEARER, token).await
}
