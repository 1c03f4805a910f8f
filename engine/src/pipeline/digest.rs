//! The sha256 of a file, as jobs carry it and readers compare it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    error::{Code, Error, Result},
    sigv4::hash,
};

/// The sha256 of a file (FIPS 180-4). As text, and in JSON, it is 64 lower-case hex digits; here it is the 32 bytes these stand
/// for, in place: many jobs wait, and each has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest([u8; 32]);

const FORM: &str = "sha256: must be 64 lower-case hex digits";

impl Sha256Digest {
    /// What a hash came to.
    #[must_use]
    pub fn of(hash: impl Into<[u8; 32]>) -> Self {
        Self(hash.into())
    }
}

impl FromStr for Sha256Digest {
    type Err = Error;

    /// # Errors
    /// `INVALID_JOB` for a text of another form. Capitals are another form: what one hash is called is one text.
    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        let is_hex = hex::decode_to_slice(text, &mut bytes).is_ok();
        if !is_hex || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Error::new(Code::InvalidJob, FORM));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&hash::hex(&self.0)).unwrap_or_default())
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sha256Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl de::Visitor<'_> for Digits {
            type Value = Sha256Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sha256 of 64 lower-case hex digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Sha256Digest, E> {
                // What was given stays out of the error: a token in the wrong field is a secret still.
                text.parse().map_err(|_: Error| E::custom(FORM))
            }
        }

        deserializer.deserialize_str(Digits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn another_form_is_refused_and_not_repeated() {
        let right = "0123456789abcdef".repeat(4);
        assert!(right.parse::<Sha256Digest>().is_ok());
        for wrong in [
            String::new(),
            right[1..].to_owned(),
            format!("{right}0"),
            format!("{right}00"),
            right.to_uppercase(),
            right.replace('f', "g"),
            right.replacen("01", "é", 1),
        ] {
            let error = wrong.parse::<Sha256Digest>().unwrap_err();
            assert_eq!((error.code, &*error.message), (Code::InvalidJob, FORM), "{wrong}");
            let error = serde_json::from_value::<Sha256Digest>(wrong.clone().into()).unwrap_err().to_string();
            assert_eq!(error, FORM, "{wrong}");
        }
        assert!(serde_json::from_str::<Sha256Digest>("7").is_err());
    }

    proptest! {
        #[test]
        fn the_text_is_the_library_s_and_comes_back(bytes: [u8; 32], file: Vec<u8>) {
            let text = hex::encode(bytes);
            let digest: Sha256Digest = text.parse().unwrap();
            prop_assert_eq!(digest, Sha256Digest::of(bytes));
            prop_assert_eq!(digest.to_string(), text.clone());
            prop_assert_eq!(serde_json::to_value(digest).unwrap(), text);
            prop_assert_eq!(Sha256Digest::of(Sha256::digest(&file)).to_string(), hex::encode(Sha256::digest(&file)));
        }
    }
}
