//! A text that must not be seen: bot tokens, secret keys, session tokens.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A secret text. `Debug` redacts it, its memory is zeroed on drop, and it has no `Display`, `Serialize` or `Hash`,
/// so that it cannot slip into a message, an outcome or a cache key. Clones share the text: it is in memory once, and
/// zeroed with the last of them.
#[derive(Clone, Default)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes ownership of `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// The text itself. Each caller is a place to review.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` without this secret, as it is or percent-encoded. For remote texts that may repeat what we sent; to be
    /// called before a text is clipped, or half a secret could stay at its end.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        // A bot token is `id:secret`: the second half alone is as good as the whole.
        let parts = [Some(self.reveal()), self.reveal().split_once(':').map(|(_, secret)| secret)];
        for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
            let encoded = percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string();
            let colon_only = part.replace(':', "%3A");
            for form in [part, &encoded, &encoded.to_ascii_lowercase(), &colon_only, &colon_only.replace("%3A", "%3a")]
            {
                clean = clean.replace(form, "…");
            }
        }
        clean
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        let secret = Secret::new("123:canary".to_owned());
        assert!(!format!("{secret:?} {:?}", Some(&secret)).contains("canary"));
        assert_eq!(secret.reveal(), "123:canary");
    }

    #[test]
    fn redaction_knows_every_form() {
        let secret = Secret::new("123:Ca-na_ry".to_owned());
        for form in
            ["123:Ca-na_ry", "123%3ACa-na_ry", "123%3aCa-na_ry", "123%3ACa%2Dna%5Fry", "Ca-na_ry", "Ca%2Dna%5Fry"]
        {
            assert_eq!(secret.redact(&format!("not found: /bot{form}/x")), "not found: /bot…/x", "{form}");
        }
        assert_eq!(Secret::default().redact("text"), "text");
    }
}
