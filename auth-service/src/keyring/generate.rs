//! New private keys.

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    },
};
use shared::keys::{Alg, KeyError};

/// A new private key, in the form that [`SigningKey::from_der`](shared::keys::SigningKey::from_der) reads.
pub(super) fn generate(algorithm: Alg) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyError> {
    let failed = |_| KeyError(format!("a key for {algorithm} could not be made"));
    let ecdsa = |scheme| EcdsaKeyPair::generate(scheme).and_then(|pair| pair.to_pkcs8v1()).map_err(failed);
    let der = match algorithm.name() {
        // The 48-byte form of RFC 8410: the later one, with the public key, is not read everywhere.
        "EdDSA" => {
            Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).map_err(failed)?.as_ref().to_vec()
        }
        "ES256" => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)?.as_ref().to_vec(),
        "ES384" => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)?.as_ref().to_vec(),
        _ => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?.as_ref().to_vec()
        }
    };
    Ok(zeroize::Zeroizing::new(der))
}
