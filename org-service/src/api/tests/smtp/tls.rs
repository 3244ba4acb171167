//! An authority of a test's own, and how its servers begin TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// How a mail server begins TLS.
#[derive(Clone)]
pub(in crate::api::tests) enum Tls {
    /// It does not.
    Never,
    /// With the first byte.
    AtOnce(TlsAcceptor),
    /// After STARTTLS (RFC 3207).
    Asked(TlsAcceptor),
}

/// Vouches for servers.
pub(in crate::api::tests) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(in crate::api::tests) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate in PEM.
    pub(in crate::api::tests) fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server of this name accepts TLS with.
    pub(in crate::api::tests) fn vouch_for(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Named, since the process may have other providers by way of other crates' features.
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
