//! The formats this room tells apart, and their names.

/// What a format is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// A picture, moving ones of the picture formats included.
    Image,
    /// Moving pictures, with or without sound.
    Video,
    /// Sound alone.
    Audio,
    /// Text, tables, slides.
    Document,
    /// An envelope that says little about what is in it.
    Container,
    /// Anything else.
    Other,
}

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident = $family:ident, $extension:literal, $mime:literal $(, $also:literal)*;)*) => {
        /// What the first bytes of a file say that it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Format {
            $($(#[$doc])* $name,)*
            /// A format that only the crate `infer` knows.
            Other {
                /// Its content type.
                mime: &'static str,
                /// Its usual extension.
                extension: &'static str,
            },
        }

        impl Format {
            /// Every format of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The content type to send, registered where there is a registered one.
            #[must_use]
            pub const fn mime(self) -> &'static str {
                match self { $(Self::$name => $mime,)* Self::Other { mime, .. } => mime }
            }

            /// The usual file extension, without its dot.
            #[must_use]
            pub const fn extension(self) -> &'static str {
                match self { $(Self::$name => $extension,)* Self::Other { extension, .. } => extension }
            }

            /// What the format is used for.
            #[must_use]
            pub const fn family(self) -> Family {
                match self { $(Self::$name => Family::$family,)* Self::Other { .. } => Family::Other }
            }

            /// Other names of the same content type.
            #[must_use]
            pub const fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($also,)*],)* Self::Other { .. } => &[] }
            }
        }
    };
}

formats! {
    /// JPEG
    Jpeg = Image, "jpg", "image/jpeg", "image/jpg", "image/pjpeg";
    /// PNG, animated or not
    Png = Image, "png", "image/png", "image/apng", "image/vnd.mozilla.apng", "image/x-png";
    /// WebP, animated or not
    WebP = Image, "webp", "image/webp";
    /// GIF, animated or not
    Gif = Image, "gif", "image/gif";
    /// HEIF with HEVC pictures
    Heic = Image, "heic", "image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence";
    /// HEIF with AV1 pictures
    Avif = Image, "avif", "image/avif", "image/avif-sequence";
    /// SVG, which is a document with scripts to a browser
    Svg = Image, "svg", "image/svg+xml";
    /// MPEG-4
    Mp4 = Video, "mp4", "video/mp4", "application/mp4", "video/x-m4v";
    /// QuickTime
    Mov = Video, "mov", "video/quicktime";
    /// The mobile profile of MPEG-4
    ThreeGp = Video, "3gp", "video/3gpp", "video/3gpp2", "audio/3gpp", "audio/3gpp2";
    /// AVI
    Avi = Video, "avi", "video/x-msvideo", "video/avi", "video/msvideo", "video/vnd.avi";
    /// WebM
    WebM = Video, "webm", "video/webm", "audio/webm";
    /// Matroska
    Matroska = Video, "mkv", "video/x-matroska", "video/matroska", "audio/x-matroska", "audio/matroska", "application/x-matroska";
    /// Ogg with Theora pictures
    OggVideo = Video, "ogv", "video/ogg", "application/ogg";
    /// Ogg with Opus: what Telegram and WhatsApp record voice in
    OggOpus = Audio, "ogg", "audio/ogg", "audio/opus", "application/ogg", "audio/x-opus+ogg";
    /// Ogg with Vorbis
    OggVorbis = Audio, "ogg", "audio/ogg", "audio/vorbis", "application/ogg", "audio/x-vorbis+ogg";
    /// Ogg with another sound format (Speex, FLAC)
    Ogg = Audio, "ogg", "audio/ogg", "application/ogg", "audio/speex", "audio/flac";
    /// MPEG-4 with sound alone
    M4a = Audio, "m4a", "audio/mp4", "audio/x-m4a", "audio/m4a", "audio/aac", "audio/quicktime", "video/mp4", "application/mp4";
    /// MPEG-1 or MPEG-2 layer III (layers I and II too: players treat them alike)
    Mp3 = Audio, "mp3", "audio/mpeg", "audio/mp3", "audio/mpeg3", "audio/x-mpeg", "audio/x-mp3", "audio/mpa";
    /// AAC in ADTS frames
    Aac = Audio, "aac", "audio/aac", "audio/x-aac", "audio/aacp", "audio/x-hx-aac-adts";
    /// FLAC
    Flac = Audio, "flac", "audio/flac", "audio/x-flac";
    /// WAVE
    Wav = Audio, "wav", "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav";
    /// AMR: voice of old telephones
    Amr = Audio, "amr", "audio/amr", "audio/amr-nb", "audio/amr-wb", "audio/3gpp";
    /// PDF
    Pdf = Document, "pdf", "application/pdf", "application/x-pdf";
    /// Word 97-2003
    Doc = Document, "doc", "application/msword";
    /// Excel 97-2003
    Xls = Document, "xls", "application/vnd.ms-excel", "application/msexcel";
    /// PowerPoint 97-2003
    Ppt = Document, "ppt", "application/vnd.ms-powerpoint", "application/mspowerpoint";
    /// Word
    Docx = Document, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    /// Excel
    Xlsx = Document, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    /// PowerPoint
    Pptx = Document, "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation";
    /// OpenDocument text
    Odt = Document, "odt", "application/vnd.oasis.opendocument.text";
    /// OpenDocument table
    Ods = Document, "ods", "application/vnd.oasis.opendocument.spreadsheet";
    /// OpenDocument slides
    Odp = Document, "odp", "application/vnd.oasis.opendocument.presentation";
    /// EPUB
    Epub = Document, "epub", "application/epub+zip";
    /// HTML
    Html = Document, "html", "text/html", "application/xhtml+xml";
    /// XML
    Xml = Container, "xml", "application/xml", "text/xml";
    /// Telegram's animated sticker: a gzipped Lottie animation
    Tgs = Image, "tgs", "application/x-tgsticker", "application/gzip", "application/x-gzip", "application/x-bad-tgsticker";
    /// A Lottie animation that is not compressed
    Lottie = Image, "json", "application/json", "application/lottie+json", "video/lottie+json";
    /// ZIP of which the first bytes do not say more
    Zip = Container, "zip", "application/zip", "application/x-zip-compressed", "multipart/x-zip";
    /// gzip
    Gzip = Container, "gz", "application/gzip", "application/x-gzip";
    /// Compound file of Microsoft of which the first bytes do not say more
    Ole = Container, "bin", "application/x-ole-storage", "application/x-cfb";
}

impl Format {
    /// Whether the file is built of the boxes of the ISO base media file format.
    #[must_use]
    pub const fn is_iso_media(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mov | Self::M4a | Self::ThreeGp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_well_formed() {
        for format in Format::ALL {
            let mime = format.mime();
            assert!(mime.contains('/') && !mime.contains(char::is_uppercase), "{mime}");
            assert!(!format.aliases().contains(&mime), "{mime} is its own alias");
            assert!(format.extension().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{format:?}");
        }
    }
}
