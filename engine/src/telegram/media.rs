//! What is told of a media file beside its bytes. Telegram looks into few files by itself: a video without its size and
//! duration is shown as a square that plays for no time.

use super::{Kind, multipart::Form};

/// What is known of a file; all of it optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// Pixels as shown.
    pub width: Option<u32>,
    /// Pixels as shown.
    pub height: Option<u32>,
    /// Whole seconds.
    pub duration: Option<u32>,
    /// Of an audio file.
    pub title: Option<String>,
    /// Of an audio file.
    pub performer: Option<String>,
    /// A player can start with the first bytes.
    pub supports_streaming: bool,
}

impl Media {
    /// Adds the fields that the kind's method has (<https://core.telegram.org/bots/api#sendvideo> and following).
    pub(super) fn tell(&self, kind: Kind, form: &mut Form) {
        let number = |form: &mut Form, name, value: Option<u32>| {
            if let Some(value) = value {
                form.text(name, &value.to_string());
            }
        };
        if matches!(kind, Kind::Video | Kind::Animation | Kind::VideoNote | Kind::Audio | Kind::Voice) {
            number(form, "duration", self.duration);
        }
        match kind {
            Kind::Video | Kind::Animation => {
                // One without the other says nothing.
                if self.width.is_some() && self.height.is_some() {
                    number(form, "width", self.width);
                    number(form, "height", self.height);
                }
                if kind == Kind::Video && self.supports_streaming {
                    form.text("supports_streaming", "true");
                }
            }
            Kind::VideoNote if self.width == self.height => number(form, "length", self.width),
            Kind::Audio => {
                for (name, value) in [("title", &self.title), ("performer", &self.performer)] {
                    if let Some(value) = value {
                        form.text(name, value);
                    }
                }
            }
            _ => {}
        }
    }
}
