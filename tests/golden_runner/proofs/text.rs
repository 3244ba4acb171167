//! Tokens made by hand, requests as bytes, JSON as Python has it, answers as bytes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Value, json};

use super::{keys, variant, world};
use crate::{
    craft::{alter, craft, expand, is_canonical},
    extra, json as python,
    wire::parse,
    world::{now, outgoing, payload, seconds},
};

const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoiMSIsImEiOjEyfQ.AbC-_xyzQQ";

fn crafted(own: &Value, step: &Value) -> String {
    craft(&serde_json::from_value(step.clone()).unwrap(), &variant(own), &keys(), &world()).unwrap()
}

fn header(token: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

fn is_signed_with(token: &str, key: &DecodingKey, algorithm: Algorithm) -> bool {
    let (message, signature) = token.rsplit_once('.').unwrap();
    crypto::verify(signature, message.as_bytes(), key, algorithm).unwrap()
}

#[test]
fn each_way_to_alter_a_token_does_what_it_says() {
    let parts: Vec<&str> = TOKEN.split('.').collect();
    let (h, p, s) = (parts[0], parts[1], parts[2]);
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let raised = URL_SAFE_NO_PAD.encode(r#"{"user_id":"999","a":12}"#);
    let expected = [
        ("flip_first_signature_char", format!("{h}.{p}.BbC-_xyzQQ")),
        ("flip_last_signature_bits", format!("{h}.{p}.AbC-_xyzQR")),
        ("raise_user_id_keep_signature", format!("{h}.{raised}.{s}")),
        ("drop_signature", format!("{h}.{p}.")),
        ("two_segments", format!("{h}.{p}")),
        ("four_segments", format!("{h}.{p}.{s}.{s}")),
        ("alg_none_keep_signature", format!("{none}.{p}.{s}")),
        ("alg_none_empty_signature", format!("{none}.{p}.")),
        ("pad_with_equals", format!("{h}.{p}==.{s}==")),
        ("pad_signature_with_equals", format!("{h}.{p}.{s}==")),
        ("standard_base64_alphabet_signature", format!("{h}.{p}.AbC+/xyzQQ")),
        ("inner_newline", format!("{h}.\n{p}.{s}")),
    ];
    for (how, token) in expected {
        assert_eq!(alter(TOKEN, how).unwrap(), token, "{how}");
    }
    assert_eq!(alter("h.p.BbC", "flip_first_signature_char").unwrap(), "h.p.AbC");
    assert!(alter(TOKEN, "unheard_of").is_err());
}

#[test]
fn non_canonical_text_is_told_from_canonical() {
    let whole = crafted(&json!({}), &json!({"save": "T", "claims": {"a": 1}}));
    assert!(is_canonical(&whole));
    for how in ["flip_last_signature_bits", "pad_with_equals", "pad_signature_with_equals", "inner_newline"] {
        assert!(!is_canonical(&alter(&whole, how).unwrap()), "{how}");
    }
}

#[test]
fn each_claim_template_is_filled() {
    let template = json!({
        "now": {"$now": 5}, "float": {"$now_float": 0.5}, "text": {"$now_str": -5}, "jti": {"$hex32": true},
        "uid": {"$uid": "alice"}, "int": {"$uid_int": "bob"}, "plain": {"id": 7}, "list": [1, null],
    });
    let before = seconds(now());
    let filled = expand(&template, &world()).unwrap();
    let close = |value: i64| (before..=before + 1).contains(&value);
    assert!(close(filled["now"].as_i64().unwrap() - 5));
    assert!(close(seconds(filled["float"].as_f64().unwrap())) && filled["float"].is_f64());
    assert!(close(filled["text"].as_str().unwrap().parse::<i64>().unwrap() + 5));
    assert_eq!(filled["jti"].as_str().unwrap().len(), 32);
    assert_eq!((&filled["uid"], &filled["int"]), (&json!("1"), &json!(2)));
    assert_eq!((&filled["plain"], &filled["list"]), (&json!({"id": 7}), &json!([1, null])));
}

#[test]
fn a_crafted_header_is_merged_in_place() {
    let own = |header: &Value| header_of(&json!({"save": "T", "claims": {}, "header": header}));
    assert_eq!(own(&json!({})), r#"{"alg":"HS256","typ":"JWT"}"#);
    assert_eq!(own(&json!({"alg": 5, "kid": "k1"})), r#"{"alg":5,"typ":"JWT","kid":"k1"}"#);
    assert_eq!(own(&json!({"alg": "$absent"})), r#"{"typ":"JWT"}"#);
}

fn header_of(step: &Value) -> String {
    header(&crafted(&json!({}), step))
}

#[test]
fn each_key_signs_as_it_is_named() {
    let secret = DecodingKey::from_secret(variant(&json!({})).jwt_text("SIGNING_KEY").unwrap().as_bytes());
    let signed = |key: &str, header: &Value| {
        crafted(&json!({}), &json!({"save": "T", "claims": {"a": 1}, "key": key, "header": header}))
    };
    assert!(is_signed_with(&signed("signing", &json!({})), &secret, Algorithm::HS256));
    assert!(is_signed_with(&signed("signing", &json!({"alg": "HS512"})), &secret, Algorithm::HS512));
    assert!(is_signed_with(&signed("signing", &json!({"alg": "nOnE"})), &secret, Algorithm::HS256));
    assert!(!is_signed_with(&signed("other", &json!({})), &secret, Algorithm::HS256));
    assert!(signed("none", &json!({})).ends_with('.'));

    let raw = crafted(&json!({}), &json!({"save": "T", "claims_raw": "zzz"}));
    assert_eq!(URL_SAFE_NO_PAD.decode(raw.split('.').nth(1).unwrap()).unwrap(), b"zzz");
    assert!(is_signed_with(&raw, &secret, Algorithm::HS256));
}

#[test]
fn each_asymmetric_algorithm_signs_with_its_key_and_the_other() {
    type Load = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;
    let families: [(&str, &str, Load); 6] = [
        ("RS256", "rsa", DecodingKey::from_rsa_pem),
        ("RS512", "rsa", DecodingKey::from_rsa_pem),
        ("PS256", "rsa", DecodingKey::from_rsa_pem),
        ("ES256", "p256", DecodingKey::from_ec_pem),
        ("ES384", "p384", DecodingKey::from_ec_pem),
        ("EdDSA", "ed25519", DecodingKey::from_ed_pem),
    ];
    for (name, file, load) in families {
        let own = json!({"SIMPLE_JWT": {
            "ALGORITHM": name,
            "SIGNING_KEY": format!("<pem:{file}.pem>"), "VERIFYING_KEY": format!("<pem:{file}.pub.pem>"),
        }});
        let signed = |key: &str| crafted(&own, &json!({"save": "T", "claims": {"a": 1}, "key": key}));
        let public = keys().read(&format!("{file}.pub.pem")).unwrap();
        let other = keys().read(&format!("{file}_other.pub.pem")).unwrap();
        let algorithm = name.parse().unwrap();
        let (mine, others) = (load(public.as_bytes()).unwrap(), load(other.as_bytes()).unwrap());
        assert!(is_signed_with(&signed("signing"), &mine, algorithm), "{name}");
        assert!(!is_signed_with(&signed("other"), &mine, algorithm), "{name}");
        assert!(is_signed_with(&signed("other"), &others, algorithm), "{name}");
        let as_hmac = DecodingKey::from_secret(public.as_bytes());
        assert!(is_signed_with(&signed("public_pem_as_hmac"), &as_hmac, Algorithm::HS256), "{name}");
        assert!(signed("none").ends_with('.'), "{name}");
    }
}

#[test]
fn json_keeps_lone_surrogates_and_long_integers() {
    for text in [
        r#"{"a":"\ud800","b":"\ud83d\ude00","c":"\u00e9","d":"\\ud800"}"#,
        r#"[100000000000000000000,-100000000000000000000,18446744073709551615,1.5,-1,"99999999999999999999999"]"#,
        r#"{"a":"\"1","b":[true,null,{}],"c":"\n"}"#,
    ] {
        assert_eq!(python::write(&python::parse(text).unwrap()), text);
    }
}

#[test]
fn each_kind_of_body_and_header_becomes_its_bytes() {
    let sent = |own: &Value| {
        let mut request = json!({"method": "POST", "path": "/", "headers": []});
        request.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let request = world().fill_request(&serde_json::from_value(request).unwrap()).unwrap();
        outgoing(&request).unwrap()
    };
    let body = |own: &Value| String::from_utf8(sent(own).body).unwrap();
    assert_eq!(body(&json!({"json": {"a": "é"}})), r#"{"a":"\u00e9"}"#);
    assert_eq!(body(&json!({"json": null})), "null");
    assert_eq!(body(&json!({"raw": "x é"})), "x é");
    assert_eq!(sent(&json!({"raw_base64": "//4="})).body, [0xFF, 0xFE]);
    assert_eq!(
        body(&json!({"raw_repeat": {"prefix": "<", "unit": "ab", "times": 3, "suffix": ">"}})),
        "<ababab>"
    );
    assert_eq!(body(&json!({"form": {"a b": "c&d", "e": "é"}})), "a+b=c%26d&e=%C3%A9");
    assert_eq!(
        body(
            &json!({"multipart": [{"name": "a", "value": "1"}, {"name": "f", "value": "2", "filename": "x"}]})
        ),
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--BOUNDARY\r\n\
         Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: text/plain\r\n\r\n2\r\n\
         --BOUNDARY--\r\n"
    );
    let headers = sent(&json!({"headers": [["Authorization-Basic", "a:b"], ["Authorization-Latin1", "é"]]}));
    assert_eq!(headers.headers[0], ("Authorization".to_owned(), b"Basic YTpi".to_vec()));
    assert_eq!(headers.headers[1], ("Authorization".to_owned(), vec![0xE9]));
    assert_eq!(payload(&body(&json!({"raw": "${R}"}))).unwrap()["token_type"], "refresh");
}

#[test]
fn answers_are_read_whole_or_refused() {
    let whole = parse(b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 2\r\n\r\nok", false).unwrap();
    assert_eq!((whole.status, whole.header("a").as_deref(), whole.text()), (200, Some("1"), "ok".to_owned()));
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n";
    assert_eq!(parse(chunked, false).unwrap().text(), "ok!");
    assert!(parse(b"HTTP/1.1 405 X\r\nContent-Length: 9\r\n\r\n", true).unwrap().body.is_empty());
    assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", false).is_err());
    assert!(parse(b"HTTP/1.1 200 OK\r\n", false).is_err());
}

#[test]
fn the_table_of_further_deviations_is_read() {
    let head = "text\n\n| rule | fixture | status | body | reason |\n|---|---|---|---|---|\n";
    assert!(extra::parse(head).unwrap().is_empty());
    let row = "| E1 | `v__g__*` | 200 | `{\"a\": 1}` | why |\n";
    let rows = extra::parse(&format!("{head}{row}")).unwrap();
    assert_eq!((rows[0].status, rows[0].body.as_str()), (200, r#"{"a": 1}"#));
    assert!(rows[0].covers("v__g__case") && !rows[0].covers("v__h__case"));
    assert!(extra::parse(&format!("{head}| E1 | x | 200 | | |\n")).is_err());
    assert!(extra::parse(&format!("{head}| E1 | x | many | | why |\n")).is_err());
}
