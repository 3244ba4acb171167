//! Hashes written by Django 5.2.19 itself (argon2-cffi 25.1, bcrypt 4.3), verified here.

use super::{Argon2Params, StoredPassword, Verdict, hash_with_salt, verify};

const ASCII: &str = "correct horse battery staple";
const UNICODE: &str = "пароль-ñ-🔑";
/// 84 bytes, more than bcrypt looks at.
const LONG: &str = "01234567890123456789012345678901234567890123456789012345678901234567890123456789tail";

/// Every hasher at a low cost, with every kind of password.
const LIGHT: [(&str, &str); 24] = [
    (
        ASCII,
        "argon2$argon2id$v=19$m=1024,t=1,p=2$WHd1bzFLM2l6SG9hc2JxWDNQaXF6Zw$NMw4dAu17fMu6hRyxGGVRWxdH+gbyDLPp0yMSPGZfZI",
    ),
    (
        UNICODE,
        "argon2$argon2id$v=19$m=1024,t=1,p=2$emVZMDFBUUNLcVNXUG12Zm92TTk0Tw$fBq/bovU29YNLuUJM7SUMAwcWToBntCMkMbRiXra1WY",
    ),
    (
        LONG,
        "argon2$argon2id$v=19$m=1024,t=1,p=2$ZFVlU3pqR3g5S0szU2FXS2hxaWxndw$OPo6K/dw22wzbQV4vQ1Ee2ug4PORARH7MyGsWgwGU5k",
    ),
    (
        "",
        "argon2$argon2id$v=19$m=1024,t=1,p=2$TVB6ZTZGTDVwT2dKb255Wkp0QU9iWg$xauY8PVMpICtDFDTlnR39JAWd5plwdM4dj6t+Dr4sYs",
    ),
    (ASCII, "pbkdf2_sha256$1000$db2rCgRoTLeMUPyJHuNB3K$6ITOLjMHbGuXyj1huhGeOVjNHOKtq0LUKkWnQLIw1ss="),
    (UNICODE, "pbkdf2_sha256$1000$UeRRY1i1yYFDn7pKgLcOfA$ADKfbRUTCcUW3hSKzX+OZa6MSA3oy2YTg7WwmSY2TO8="),
    (LONG, "pbkdf2_sha256$1000$gaWEOZEZB0LT3JAAD0sm36$G1Se37MoIZOjOGWIn/m6eRNnmMC5dQKW42m0TGSXlXM="),
    ("", "pbkdf2_sha256$1000$q8HHMZsaAD0wTHqh1LbgRW$OV1GqKmKvDT1Gac1Ctyrg2yNuM5j4c3rx5oItCIJLOo="),
    (ASCII, "pbkdf2_sha1$1000$gRSyscJPF3OJmefHKVcrLT$8RpaeLfBkbAuOFVW3bDiXBB9nmk="),
    (UNICODE, "pbkdf2_sha1$1000$5oRclBlhLgCZhrJuquiVL7$PE8KLgWDyRV9LBvfK68IGbbTY9g="),
    (LONG, "pbkdf2_sha1$1000$c3VHdAQ2mPtZ5kVz5srSa9$EaaXyUgu/tSlDOzAuUigDDNDlvk="),
    ("", "pbkdf2_sha1$1000$vdRqUtyyoyMxejJl9k18eq$5LL+fCZxByymJs/CDei3LODTYJ4="),
    (ASCII, "bcrypt$$2b$04$xQcue7eFvB4stvgbNmrwwu4EOtUpgcb1Am.RD6c.NE08wiwjgIRS6"),
    (UNICODE, "bcrypt$$2b$04$5B0RMWbFRnNRATpYQlg.E.VddOynUpKVe.5GVnGLK/qfcy5LvTLXu"),
    (LONG, "bcrypt$$2b$04$FUSKzeUZxMO8mQtyY3pOQOBr99HdEodaziTI8j5J/V/Zuib2nr7VC"),
    ("", "bcrypt$$2b$04$HdLQxYvGh8fBBjDubY8xn.NG76GQZN10Z4txo8V4sCLnp0oGB7/1G"),
    (ASCII, "bcrypt_sha256$$2b$04$u5YkFy9W6gXLXglVuZ3EBuT7Nbc2BWe16QC2ySptR3qtXSnazcz7O"),
    (UNICODE, "bcrypt_sha256$$2b$04$kiq2A.yuyABXVCNtVksNq.8JfEAxADRu6uB2Z.OOT8ltrgBCTSe6G"),
    (LONG, "bcrypt_sha256$$2b$04$8dUp5QDiNCnk9IP234Cuw.VtNWCtRoxXdP2QOTlu/AGXYw/5Cydwa"),
    ("", "bcrypt_sha256$$2b$04$ih1R1Tn6mHThhY0h3qSREOokPZH.1a1qCsAwf8k/jTpMCB34EXZsq"),
    (
        ASCII,
        "scrypt$1024$2FjfzLHGSpeymDfKODbIZ2$8$2$oeFskdV0dYerKeCAPPX2ddfWaNlqk+Ua/rFVnQVxC5aieTtbK7KH6YShOa++x8gBHpGIUuD8a68/HCr0B1s2Aw==",
    ),
    (
        UNICODE,
        "scrypt$1024$3woFje6m9xQjm0OAScbySW$8$2$zpR3iuVNumexfgXX4EPeRESNA0Ho0MEGvcwW7fj0WM7tKwvrdJHUyZGozYJiFN7MkSW0QGJoKMIt0EwYqP9kTg==",
    ),
    (
        LONG,
        "scrypt$1024$ujmmPsDOqd16SaalZ4F7eJ$8$2$kThkJ/QzFlF3ojsflY3PLemTTlNE+8UKPrl13UN2RAkQ1Mdwc5ObAt3ZX3mOOu2+6tonxtLDfBzkAnTG9YhYOg==",
    ),
    (
        "",
        "scrypt$1024$rNiE2xmgRwxWMhoTPHbRiW$8$2$JVownmRFBshMm9WcQZaWy5qcbvvbz3kCP9s/C9SKkDhErQBNeDB/pRU7CQIAaIwUYkbK/I2eHAkbK86rnRwvag==",
    ),
];

/// Every hasher with Django's own parameters, of [`ASCII`].
const DEFAULT: [&str; 6] = [
    "argon2$argon2id$v=19$m=102400,t=2,p=8$WlhZZEdjZ0kyVUdEemFUd3FwcndBbg$INGbfHYIT+kLUk54O5F+adK/JiJs5kF6+B8C+81gCE4",
    "pbkdf2_sha256$1000000$yf4bmZJXRDjvISnqgDz2g0$MOQgh+g+89VztyXMmnv4PHcryBLqbbh30ZNBASiJ2h0=",
    "pbkdf2_sha1$1000000$8sBuXUYMoNv9BoICWM94o5$Ee9f7LVkZE7r5Uf2sY1VQllQzgU=",
    "bcrypt$$2b$12$4Ozj.ubUtVGYQ6DwF.MqSeDfWsBG3N7R3GMbNsn1olULkdo34qlla",
    "bcrypt_sha256$$2b$12$j/4SnKgAZbV2scB.KKOAKOAXPShUbum1ujtR6.Ha7V91aCJ8WLpaW",
    "scrypt$16384$iUcjUHa39tSD94DON1X7cr$8$5$DPvg5s1Fe9feaWL7D4Af4DmWDBSyJ+ft7egD/qQonRiUjJV0ZgmnLOGOn2NMtKDA/KaIIw/VNiikH1ogk+LQRg==",
];

/// Argon2 variants and versions from libargon2, and the version letters of bcrypt, of [`ASCII`];
/// Django verifies them all.
const VARIANTS: [&str; 7] = [
    "argon2$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$5tYGc6oSUkstUq10c9EQ0xtD8WdsePZgLxV/mVp7znU",
    "argon2$argon2d$v=19$m=64,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$t1Cj7UytI3pstejRG8il0BiDELHqL1VMFrEY9Pezvrw",
    "argon2$argon2id$v=16$m=64,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$lpVGGSzzDeUOlJcRH2BRQjvPNE7xw+SU8RQyZx0efgA",
    "argon2$argon2i$v=16$m=64,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$zV16855tAPlcO6CsXh06yE6zy5+GejaV7VzlLb7B/ZI",
    "bcrypt$$2a$04$iU1OHGtr2b7SbhB6sPIvIuSsIYy32zOQ.hSBtaxk9uNIwqZuRROXu",
    "bcrypt$$2y$04$iU1OHGtr2b7SbhB6sPIvIuSsIYy32zOQ.hSBtaxk9uNIwqZuRROXu",
    "bcrypt$$2x$04$iU1OHGtr2b7SbhB6sPIvIuSsIYy32zOQ.hSBtaxk9uNIwqZuRROXu",
];

/// What Django writes for [`UNICODE`] with our parameters and salt; its hasher asks for no update.
const NEW: &str = "argon2$argon2id$v=19$m=19456,t=2,p=1$QndjSEJ3Y0hCd2NIQndjSEJ3Y0hCdw$EyODNMcs8tQK4eHKVhvSkNrpFF8XsK6fJt0/vPEgswU";

const UNUSABLE: &str = "!j4HbY1XrGTHo6CRLs2gif6BaSM4vGidTVo4eHOCu";

fn verdict(password: &str, stored: &str) -> Verdict {
    verify(password, stored, &Argon2Params::default())
}

#[test]
fn every_hash_of_django_verifies_and_wants_a_rehash() {
    let of_ascii = DEFAULT.iter().chain(&VARIANTS).map(|stored| (ASCII, *stored));
    for (password, stored) in LIGHT.into_iter().chain(of_ascii) {
        assert_eq!(verdict(password, stored), Verdict::Match { rehash: true }, "{stored}");
    }
}

#[test]
fn a_wrong_password_is_a_mismatch_under_every_scheme() {
    for (password, stored) in LIGHT {
        for wrong in [format!("x{password}"), " ".to_owned(), "другой".to_owned()] {
            assert_eq!(verdict(&wrong, stored), Verdict::Mismatch, "{stored}");
        }
    }
}

#[test]
fn bcrypt_cuts_a_password_off_at_72_bytes_and_nothing_else_does() {
    for (_, stored) in LIGHT.into_iter().filter(|(password, _)| *password == LONG) {
        let is_cut = stored.starts_with("bcrypt$");
        assert_eq!(verdict(&LONG[..72], stored).is_match(), is_cut, "{stored}");
        assert_eq!(verdict(&LONG[..71], stored), Verdict::Mismatch, "{stored}");
    }
}

#[test]
fn a_plain_phc_string_verifies() {
    let stored = LIGHT[0].1.strip_prefix("argon2").unwrap();
    assert_eq!(verdict(ASCII, stored), Verdict::Match { rehash: true });
}

#[test]
fn an_argon2_hash_of_django_with_the_wanted_parameters_stays() {
    let wanted = Argon2Params::new(1024, 1, 2).unwrap();
    assert_eq!(verify(ASCII, LIGHT[0].1, &wanted), Verdict::Match { rehash: false });
}

#[test]
fn an_argon2_hash_of_another_variant_or_version_is_replaced() {
    let wanted = Argon2Params::new(64, 2, 1).unwrap();
    for stored in VARIANTS.iter().filter(|stored| stored.starts_with("argon2")) {
        assert_eq!(verify(ASCII, stored, &wanted), Verdict::Match { rehash: true }, "{stored}");
    }
}

#[test]
fn the_unusable_password_of_django_never_verifies() {
    for password in ["", "!", UNUSABLE, &UNUSABLE[1..]] {
        assert_eq!(verdict(password, UNUSABLE), Verdict::Unusable);
    }
}

#[test]
fn one_changed_character_of_the_digest_is_a_mismatch() {
    for (password, stored) in LIGHT {
        // Not the last character: its lowest bits may be padding.
        let at = stored.len() - 6;
        let other = if &stored[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &stored[..at], &stored[at + 1..]);
        assert_eq!(verdict(password, &changed), Verdict::Mismatch, "{changed}");
    }
}

#[test]
fn every_scheme_of_django_is_told_apart() {
    let labels = DEFAULT.map(|stored| StoredPassword::new(stored.to_owned()).scheme().unwrap().label());
    assert_eq!(
        labels,
        [
            "argon2$argon2id$v=19$m=102400,t=2,p=8$$",
            "pbkdf2_sha256$1000000$$",
            "pbkdf2_sha1$1000000$$",
            "bcrypt$$2b$12$",
            "bcrypt_sha256$$2b$12$",
            "scrypt$16384$$8$5$",
        ]
    );
}

#[test]
fn a_new_hash_is_the_text_that_django_was_seen_to_verify() {
    let text = hash_with_salt(UNICODE, &Argon2Params::default(), [7; 16]).unwrap();
    assert_eq!(text, NEW);
}
