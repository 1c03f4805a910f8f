//! An encrypted file of WhatsApp, as a message describes it. The scheme is not published by its owner; it is the one that
//! Baileys, whatsmeow and yowsup implement alike:
//! HKDF-SHA256 of the 32-byte media key, without salt, with an info text that names the type of the media, gives 112 bytes:
//! IV (16), key of AES-256-CBC (32), key of the MAC (32), and 32 that the receiver has no use for. The file is the ciphertext,
//! padded as PKCS#7 says, and the first 10 bytes of HMAC-SHA256 over IV and ciphertext.

use aws_lc_rs::hkdf;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::job::is_sha256;
use crate::{
    error::{Code, Error, Result},
    secret::Secret,
    telegram::Kind,
};

/// What a message says of its file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatsApp {
    /// Address of the file.
    #[serde(default)]
    pub url: Option<Secret>,
    /// Its path at WhatsApp's media servers.
    #[serde(default)]
    pub direct_path: Option<Secret>,
    /// 32 bytes, as base64.
    pub media_key: Secret,
    /// The type; part of what the keys are derived from.
    pub media_type: MediaType,
    /// sha256 of the file, as hex.
    #[serde(default)]
    pub file_sha256: Option<String>,
    /// sha256 of what lies on the server, as hex.
    #[serde(default)]
    pub file_enc_sha256: Option<String>,
}

impl WhatsApp {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// `INVALID_JOB`, naming the field.
    pub fn validate(&self) -> Result<()> {
        let invalid = |what: &'static str| Err(Error::new(Code::InvalidJob, what));
        if self.url.is_none() && self.direct_path.is_none() {
            return invalid("source.whatsapp: url or directPath must be given");
        }
        if self.direct_path.as_ref().is_some_and(|path| !path.reveal().starts_with('/')) {
            return invalid("source.whatsapp.directPath: must begin with '/'");
        }
        if [&self.file_sha256, &self.file_enc_sha256].into_iter().flatten().any(|hash| !is_sha256(hash)) {
            return invalid("source.whatsapp: hashes must be 64 lower-case hex digits");
        }
        self.keys().map(drop)
    }

    /// Where the file may be, in the order of asking.
    #[must_use]
    pub fn addresses(&self, origin: &str) -> Vec<Secret> {
        let direct = self.direct_path.as_ref().map(|path| Secret::new([origin, path.reveal()].concat()));
        let mut addresses: Vec<Secret> = self.url.iter().cloned().chain(direct).collect();
        addresses.dedup_by(|a, b| a.reveal() == b.reveal());
        addresses
    }

    /// The keys of the file.
    ///
    /// # Errors
    /// `INVALID_JOB` when the media key is not 32 bytes.
    pub fn keys(&self) -> Result<Keys> {
        let bad = || Error::new(Code::InvalidJob, "source.whatsapp.mediaKey: must be 32 bytes as base64");
        let key = Zeroizing::new(BASE64.decode(self.media_key.reveal()).map_err(|_| bad())?);
        if key.len() != 32 {
            return Err(bad());
        }
        let mut expanded = Zeroizing::new([0; 112]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
            .extract(&key)
            .expand(&[b"WhatsApp ", self.media_type.info(), b" Keys"], Length)
            .and_then(|okm| okm.fill(expanded.as_mut_slice()))
            .map_err(|_| Error::new(Code::Internal, "HKDF refused 112 bytes"))?;
        Ok(Keys(expanded))
    }
}

/// 112 bytes: see the module.
struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        112
    }
}

/// The keys of one file.
pub struct Keys(Zeroizing<[u8; 112]>);

impl Keys {
    /// Initialisation vector.
    #[must_use]
    pub fn iv(&self) -> [u8; 16] {
        self.part(0)
    }

    /// Key of AES-256-CBC.
    #[must_use]
    pub fn cipher(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.part(16))
    }

    /// Key of HMAC-SHA256.
    #[must_use]
    pub fn mac(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.part(48))
    }

    fn part<const N: usize>(&self, from: usize) -> [u8; N] {
        self.0.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }
}

/// The types of media that WhatsApp derives keys for, by the names Baileys gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaType {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A film without sound that plays by itself.
    Gif,
    /// A round film.
    Ptv,
    /// Sound.
    Audio,
    /// A voice message.
    Ptt,
    /// Any file.
    Document,
    /// A sticker.
    Sticker,
    /// Picture of a document.
    ThumbnailDocument,
    /// Small form of a picture.
    ThumbnailImage,
    /// Picture of a film.
    ThumbnailVideo,
    /// Picture of a linked page.
    ThumbnailLink,
}

impl MediaType {
    /// What stands between `WhatsApp ` and ` Keys`.
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Image | Self::Sticker => b"Image",
            Self::Video | Self::Gif | Self::Ptv => b"Video",
            Self::Audio | Self::Ptt => b"Audio",
            Self::Document => b"Document",
            Self::ThumbnailDocument => b"Document Thumbnail",
            Self::ThumbnailImage => b"Image Thumbnail",
            Self::ThumbnailVideo => b"Video Thumbnail",
            Self::ThumbnailLink => b"Link Thumbnail",
        }
    }

    /// What it is to Telegram.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Video => Kind::Video,
            Self::Gif => Kind::Animation,
            Self::Ptv => Kind::VideoNote,
            Self::Audio => Kind::Audio,
            Self::Ptt => Kind::Voice,
            Self::Document => Kind::Document,
            Self::Sticker => Kind::Sticker,
            Self::Image
            | Self::ThumbnailDocument
            | Self::ThumbnailImage
            | Self::ThumbnailVideo
            | Self::ThumbnailLink => Kind::Photo,
        }
    }
}
