//! Ciphers of the suite that was agreed on, from the secrets that rustls hands out.

use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion, SupportedCipherSuite,
    crypto::cipher::{AeadKey, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks, OutboundPlainMessage},
};

/// Opens records of one key.
pub struct Opener {
    pub cipher: Box<dyn MessageDecrypter>,
    /// The number of the next record, which is part of its nonce.
    pub next: u64,
}

/// Seals records of one key.
pub struct Sealer {
    pub cipher: Box<dyn MessageEncrypter>,
    /// The number of the next record, which is part of its nonce.
    pub next: u64,
    /// The first number that this key is too old for.
    pub limit: u64,
}

impl Opener {
    pub fn new(suite: SupportedCipherSuite, (next, secrets): (u64, ConnectionTrafficSecrets)) -> Result<Self, Error> {
        let (key, iv) = parts(secrets)?;
        let cipher = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.decrypter(key, iv),
            SupportedCipherSuite::Tls12(suite) => {
                let (fixed, _) = split(&iv, suite.aead_alg.key_block_shape().fixed_iv_len)?;
                suite.aead_alg.decrypter(key, fixed)
            }
        };
        Ok(Self { cipher, next })
    }
}

impl Sealer {
    /// Numbers that no key gets as far as, whatever its cipher allows.
    const LAST: u64 = 0xffff_ffff_ffff_0000;

    pub fn new(suite: SupportedCipherSuite, (next, secrets): (u64, ConnectionTrafficSecrets)) -> Result<Self, Error> {
        let (key, iv) = parts(secrets)?;
        let (mut cipher, limit) = match suite {
            SupportedCipherSuite::Tls13(suite) => {
                (suite.aead_alg.encrypter(key, iv), suite.common.confidentiality_limit)
            }
            SupportedCipherSuite::Tls12(suite) => {
                let (fixed, explicit) = split(&iv, suite.aead_alg.key_block_shape().fixed_iv_len)?;
                (suite.aead_alg.encrypter(key, fixed, explicit), suite.common.confidentiality_limit)
            }
        };
        if next > 0 {
            // aws-lc counts from the first number that it sees, which must be 0 for the others to count as later ones. The handshake has
            // sent its record of that number; this one goes nowhere.
            let payload = OutboundChunks::Single(&[]);
            let message =
                OutboundPlainMessage { typ: ContentType::Handshake, version: ProtocolVersion::TLSv1_2, payload };
            cipher.encrypt(message, 0)?;
        }
        Ok(Self { cipher, next, limit: limit.min(Self::LAST) })
    }
}

fn parts(secrets: ConnectionTrafficSecrets) -> Result<(AeadKey, Iv), Error> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Ok((key, iv)),
        _ => Err(Error::General("a cipher that is not known here".into())),
    }
}

/// TLS 1.2 has a fixed part of its IV, and with AES-GCM one that is said in each record.
fn split(iv: &Iv, fixed: usize) -> Result<(&[u8], &[u8]), Error> {
    iv.as_ref().split_at_checked(fixed).ok_or_else(|| Error::General("an IV of another length".into()))
}
