//! One spelling for one token: whatever a lax decoder reads as the same bytes is refused (RFC 7515,
//! section 2; RFC 4648, sections 3.3 and 3.5).

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    forge::{Forged, GENUINE, Key, Parts, encode, segments},
    world::{ACCESS, Door, World},
};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn place(letter: u8) -> usize {
    ALPHABET.iter().position(|known| *known == letter).unwrap_or_default()
}

/// `text` with the letter at `at` replaced by the one `step` places on in base64's alphabet.
pub(crate) fn turned(text: &str, at: usize, step: usize) -> String {
    let turn = |(i, letter): (usize, u8)| match letter {
        letter if i == at => ALPHABET.iter().copied().nth((place(letter) ^ step) % 64).unwrap_or(letter),
        letter => letter,
    };
    text.bytes().enumerate().map(turn).map(char::from).collect()
}

/// A segment in other spellings that a lax decoder reads as the same bytes.
fn spellings(segment: &str) -> Vec<(&'static str, String)> {
    let (front, back) = segment.split_at(segment.len() / 2);
    let padding = "=".repeat((4 - segment.len() % 4) % 4);
    let mut spelt = vec![
        ("a space inside", format!("{front} {back}")),
        ("a newline inside", format!("{front}\n{back}")),
        ("a carriage return inside", format!("{front}\r\n{back}")),
        ("padding too much", format!("{segment}====")),
        ("a full stop of another script", format!("{segment}\u{3002}")),
        ("a null inside", format!("{front}%00{back}")),
    ];
    if !padding.is_empty() {
        spelt.push(("its padding", format!("{segment}{padding}")));
        // The last letter of an incomplete group has bits that mean nothing.
        spelt.push(("stray bits", turned(segment, segment.len() - 1, 1)));
    }
    if segment.contains(['-', '_']) {
        spelt.push(("the standard alphabet", segment.replace('-', "+").replace('_', "/")));
    }
    spelt
}

/// The signature is over the odd spelling itself: nothing but the spelling is wrong.
#[tokio::test]
async fn a_good_signature_does_not_excuse_an_odd_spelling() -> anyhow::Result<()> {
    let world = World::with_known_key().await?;
    let genuine = Key::ed25519(GENUINE)?;
    let parts = Parts::of(world.access())?;
    // Both alphabets differ in it, and both segments end in an incomplete group.
    let parts = parts.header("x", "???>>>").claim("x", "~~~???>>>");
    let (mut header, mut claims) = (parts.header_text(), parts.claims_text());
    for text in [&mut header, &mut claims] {
        while text.len() % 3 == 0 || !encode(&*text).contains(['-', '_']) {
            text.insert(1, ' ');
        }
    }
    let (header, payload) = (encode(header), encode(claims));
    let honest = genuine.sign(&format!("{header}.{payload}"))?;
    world.accept(&ACCESS, &honest).await?;

    let mut forged: Vec<Forged> = Vec::new();
    for (how, odd) in spellings(&header) {
        forged.push((format!("{how} in the header"), genuine.sign(&format!("{odd}.{payload}"))?));
    }
    for (how, odd) in spellings(&payload) {
        forged.push((format!("{how} in the payload"), genuine.sign(&format!("{header}.{odd}"))?));
    }
    for (how, odd) in spellings(segments(&honest)?[2]) {
        forged.push((format!("{how} in the signature"), format!("{header}.{payload}.{odd}")));
    }
    let whole = format!("{header}.{payload}");
    forged.push(("the standard alphabet all over".into(), genuine.sign(&STANDARD.encode(whole))?));
    for how in ["its padding", "stray bits", "the standard alphabet"] {
        assert!(forged.iter().filter(|(label, _)| label.starts_with(how)).count() >= 2, "{how} is missing");
    }
    world.refuse(&[Door::Verify], &forged).await?;
    // White space in a header separates values, which is another refusal.
    let plain = |(_, token): &&Forged| token.bytes().all(|letter| letter.is_ascii_graphic());
    let plain: Vec<Forged> = forged.iter().filter(plain).cloned().collect();
    world.refuse(&ACCESS, &plain).await?;
    world.accept(&ACCESS, &honest).await
}
