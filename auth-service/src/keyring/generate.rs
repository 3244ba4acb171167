//! Private keys: new ones, and how they are sealed and opened.

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    },
};
use shared::{
    keys::{Alg, KeyError, SigningKey},
    random,
};
use zeroize::Zeroizing;

use super::{KeyringError, Purpose};
use crate::{sealing::SealingKeys, store::keys::StoredKey};

/// What a sealed key is bound to.
pub(super) fn label(kid: &str, purpose: &str) -> String {
    format!("{kid}/{purpose}")
}

/// A new key: its id, and its private part sealed.
pub(super) fn sealed_key(
    sealing: &SealingKeys,
    purpose: Purpose,
    algorithm: Alg,
) -> Result<(String, Vec<u8>), KeyringError> {
    let (kid, private) = if algorithm.is_hmac() {
        (random::hex32(), Zeroizing::new(random::bytes::<32>().to_vec()))
    } else {
        let der = generate(algorithm)?;
        let key = SigningKey::from_der(algorithm, &der)?;
        let kid = key.kid().ok_or_else(|| KeyError("a managed key needs an id".into()))?;
        (kid.to_owned(), der)
    };
    let sealed = sealing.seal(&label(&kid, purpose.as_str()), &private)?;
    Ok((kid, sealed))
}

/// Opens a stored key.
pub(super) fn unseal(sealing: &SealingKeys, row: &StoredKey) -> Result<SigningKey, KeyringError> {
    let private = sealing.open(&label(&row.kid, &row.purpose), &row.sealed)?;
    let algorithm: Alg = row.algorithm.parse().map_err(KeyError)?;
    let key = if algorithm.is_hmac() {
        SigningKey::hmac(algorithm, &private, Some(row.kid.clone()))?
    } else {
        SigningKey::from_der(algorithm, &private)?
    };
    Ok(key)
}

/// A new private key, in the form that [`SigningKey::from_der`] reads.
fn generate(algorithm: Alg) -> Result<Zeroizing<Vec<u8>>, KeyError> {
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
    Ok(Zeroizing::new(der))
}
