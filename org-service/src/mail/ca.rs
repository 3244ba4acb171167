//! [`MailCa`], `ORG_MAIL_CA`: who vouches for the mail server, where the system's authorities do not.

use std::{fmt, str::FromStr};

use lettre::transport::smtp::{
    Error,
    client::{Certificate, CertificateStore, TlsParameters},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How a certificate begins (RFC 7468).
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// One or more certificates in PEM. They take the place of the system's: who runs an authority for one
/// server has no use for the hundred others that could be made to vouch for it.
#[derive(Clone)]
pub struct MailCa {
    certificates: Certificate,
    count: usize,
}

impl FromStr for MailCa {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let count = text.matches(BEGIN).count();
        if count == 0 {
            return Err("holds no certificate in PEM");
        }
        let unreadable = |_| "holds a certificate that cannot be read";
        let ca = Self { certificates: Certificate::from_pem(text.as_bytes()).map_err(unreadable)?, count };
        // What lies within is read only now.
        parameters("localhost", Some(&ca)).map_err(unreadable)?;
        Ok(ca)
    }
}

/// What TLS with this host asks for: a certificate with its name, from these authorities or the system's.
pub(super) fn parameters(host: &str, ca: Option<&MailCa>) -> Result<TlsParameters, Error> {
    let builder = TlsParameters::builder(host.to_owned());
    match ca {
        None => builder.build(),
        Some(ca) => {
            let alone = builder.certificate_store(CertificateStore::None);
            alone.add_root_certificate(ca.certificates.clone()).build()
        }
    }
}

impl fmt::Display for MailCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str("1 certificate"),
            count => write!(f, "{count} certificates"),
        }
    }
}

impl fmt::Debug for MailCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for MailCa {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for MailCa {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_vouches_for_nothing_is_refused() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        assert_eq!(pem.parse::<MailCa>().unwrap().to_string(), "1 certificate");
        let two = format!("our authorities\n{pem}\n{pem}");
        assert_eq!(two.parse::<MailCa>().unwrap().to_string(), "2 certificates");
        let cut = pem.get(..pem.len() / 2).unwrap().to_owned();
        let empty = format!("{BEGIN}\n-----END CERTIFICATE-----\n");
        let other = format!("{BEGIN}\nAAAA\n-----END CERTIFICATE-----\n");
        for odd in ["", "/etc/ssl/ca.pem", &key, &cut, &empty, &other, &format!("{pem}{other}")] {
            assert!(odd.parse::<MailCa>().is_err(), "{odd}");
        }
    }
}
