//! What seals the records of a connection and what opens them: rustls's own ciphers, made again from the secrets that its
//! handshake has agreed on. No cryptography is written here.

use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion, SupportedCipherSuite,
    crypto::cipher::{
        AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks,
        OutboundPlainMessage,
    },
};

/// A direction's secrets, and the number of its next record.
pub type Secrets = (u64, ConnectionTrafficSecrets);

fn parts(secrets: ConnectionTrafficSecrets) -> Result<(AeadKey, Iv), Error> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Ok((key, iv)),
        _ => Err(Error::General("a cipher that nobody has offered".to_owned())),
    }
}

/// Opens what the server has sealed.
pub struct Opener {
    cipher: Box<dyn MessageDecrypter>,
    next: u64,
}

impl Opener {
    /// # Errors
    /// With secrets of a cipher that is not known here.
    pub fn new(suite: SupportedCipherSuite, (next, secrets): Secrets) -> Result<Self, Error> {
        let (key, iv) = parts(secrets)?;
        let cipher = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.decrypter(key, iv),
            SupportedCipherSuite::Tls12(suite) => {
                let fixed = suite.aead_alg.key_block_shape().fixed_iv_len;
                suite.aead_alg.decrypter(key, iv.as_ref().split_at(fixed).0)
            }
        };
        Ok(Self { cipher, next })
    }

    /// Opens the next record, in place.
    ///
    /// # Errors
    /// When it is not what the server has sealed, or not what the protocol allows.
    pub fn open<'a>(&mut self, record: InboundOpaqueMessage<'a>) -> Result<InboundPlainMessage<'a>, Error> {
        let opened = self.cipher.decrypt(record, self.next)?;
        self.next += 1;
        Ok(opened)
    }
}

/// Seals what goes to the server.
pub struct Sealer {
    cipher: Box<dyn MessageEncrypter>,
    next: u64,
    /// How many records may be sealed with these keys.
    most: u64,
}

impl Sealer {
    /// # Errors
    /// With secrets of a cipher that is not known here.
    pub fn new(suite: SupportedCipherSuite, (next, secrets): Secrets) -> Result<Self, Error> {
        let (key, iv) = parts(secrets)?;
        let (mut cipher, common) = match suite {
            SupportedCipherSuite::Tls13(suite) => (suite.aead_alg.encrypter(key, iv), &suite.common),
            SupportedCipherSuite::Tls12(suite) => {
                let (fixed, explicit) = iv.as_ref().split_at(suite.aead_alg.key_block_shape().fixed_iv_len);
                (suite.aead_alg.encrypter(key, fixed, explicit), &suite.common)
            }
        };
        if next > 0 {
            // The handshake has used the first numbers (TLS 1.2), and aws-lc takes the first nonce it sees for the one of number
            // 0, so that it can refuse every step back. It sees that one here, and nobody sees what it made of it.
            cipher.encrypt(plain(ContentType::ApplicationData, OutboundChunks::new_empty()), 0)?;
        }
        Ok(Self { cipher, next, most: common.confidentiality_limit })
    }

    /// Whether these keys have sealed all that they may.
    pub const fn is_used_up(&self) -> bool {
        self.next >= self.most
    }

    /// As if these keys had sealed all that they may.
    #[cfg(test)]
    pub const fn wear_out(&mut self) {
        self.most = self.next;
    }

    /// A record, as it goes over the wire.
    ///
    /// # Errors
    /// When the cipher refuses.
    pub fn seal(&mut self, of: ContentType, content: OutboundChunks<'_>) -> Result<Vec<u8>, Error> {
        let sealed = self.cipher.encrypt(plain(of, content), self.next)?;
        self.next += 1;
        Ok(sealed.encode())
    }
}

const fn plain(typ: ContentType, payload: OutboundChunks<'_>) -> OutboundPlainMessage<'_> {
    // As every record says since TLS 1.2, those of TLS 1.3 too (RFC 8446 §5.1).
    OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload }
}
