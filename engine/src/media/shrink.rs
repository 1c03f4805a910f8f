//! A picture made small enough for a Telegram photo: the policy `shrink`. Behind the cargo feature of that name, because
//! it brings decoders and a resizer with it.
//!
//! This takes time and memory: 38 megapixels took 1.4 s and 280 MB as a drawing in PNG, 6.7 s and 340 MB as noise in JPEG,
//! which must be encoded several times. Run it on a thread of its own, and few at once.

use std::io::Cursor;

use ::fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image as Pixels};
use ::image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage,
    codecs::jpeg::JpegEncoder, metadata::Orientation,
};

use super::{
    format::Format,
    image as header,
    photo::{self, Refusal},
    sniff::sniff,
    window::Window,
};

/// JPEG qualities tried before the picture is made smaller than it would have to be.
const QUALITIES: [u8; 3] = [90, 82, 75];

/// How often the sides are cut, each time to 4/5, until the file is small enough. No picture of noise needs more.
const MOST_CUTS: u32 = 8;

/// What a shrinking may cost, and what it must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What Telegram takes.
    pub limits: photo::Limits,
    /// Most pixels decoded. Default: 50 million, which cost up to 400 MB while they are worked on.
    pub pixels: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: photo::Limits::default(), pixels: 50_000_000 }
    }
}

/// A JPEG that Telegram takes as photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The file.
    pub jpeg: Vec<u8>,
    /// Its width in pixels; it needs no turning.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// Why a picture was not made smaller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No smaller version of it would be taken.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is no JPEG, PNG, WebP or GIF.
    #[error("not a picture that can be made smaller")]
    Format,
    /// Decoding it would cost more memory than allowed.
    #[error("{pixels} pixels: at most {most} are decoded")]
    Pixels {
        /// Of the picture.
        pixels: u64,
        /// The limit.
        most: u64,
    },
    /// The picture is broken; the text is the decoder's.
    #[error("the picture cannot be decoded: {0}")]
    Decode(String),
    /// Even a small version of it has too many bytes.
    #[error("the picture does not come down to {0} bytes")]
    Bytes(u64),
}

/// Makes a picture small enough: turned as its EXIF data says, on white where it is transparent, the first frame where it
/// moves, scaled by no more than the limits ask for, its ratio kept, as JPEG.
///
/// # Errors
/// [`Error`].
pub fn shrink(data: &[u8], options: &Options) -> Result<Shrunk, Error> {
    let limits = &options.limits;
    let (format, size) = measure(data)?;
    match photo::check(0, &size, limits) {
        Err(refusal) if !refusal.shrinks() => return Err(refusal.into()),
        _ => {}
    }
    let pixels = u64::from(size.width) * u64::from(size.height);
    if pixels > options.pixels {
        return Err(Error::Pixels { pixels, most: options.pixels });
    }
    let (picture, orientation) = decode(data, format, options)?;
    let picture = flatten(picture);
    let (width, height) = fit(picture.width(), picture.height(), limits);
    // Turned when it is small already.
    let mut picture = turn(resize(picture, width, height)?, orientation);
    for _ in 0..=MOST_CUTS {
        for quality in QUALITIES {
            let jpeg = encode(&picture, quality)?;
            if jpeg.len() as u64 <= limits.bytes {
                return Ok(Shrunk { jpeg, width: picture.width(), height: picture.height() });
            }
        }
        let (width, height) = scaled(picture.width(), picture.height(), 4, 5, limits);
        picture = resize(picture, width, height)?;
    }
    Err(Error::Bytes(limits.bytes))
}

/// Format and size, from the header alone: nothing is decoded before it is known what that costs.
fn measure(data: &[u8]) -> Result<(ImageFormat, header::Image), Error> {
    let format = sniff(data).ok_or(Error::Format)?;
    let decoder = match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
        _ => return Err(Error::Format),
    };
    Ok((decoder, header::probe(&Window::whole(data), format).map_err(|_| Error::Format)?))
}

fn decode(data: &[u8], format: ImageFormat, options: &Options) -> Result<(DynamicImage, Orientation), Error> {
    let said = |error: ::image::ImageError| Error::Decode(error.to_string().chars().take(200).collect());
    let mut reader = ImageReader::with_format(Cursor::new(data), format);
    let mut limits = Limits::no_limits();
    // Sixteen bits in four channels, and as much again for the decoder's own tables.
    limits.max_alloc = Some(options.pixels.saturating_mul(16));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(said)?;
    // A header that says one thing to us and another to the decoder is an attack on somebody's memory.
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > options.pixels {
        return Err(Error::Pixels { pixels, most: options.pixels });
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(said)?, orientation))
}

/// Without transparency, on white: what Telegram would otherwise show in black.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let (width, height) = picture.dimensions();
    let mut data = picture.into_raw();
    // In its own place: three bytes never reach beyond the four they come from.
    let mut to = 0;
    for from in (0..data.len()).step_by(4) {
        let Some(&[red, green, blue, alpha]) = data.get(from..).and_then(<[u8]>::first_chunk::<4>) else { break };
        let over = |color: u8| {
            let sum = u16::from(color) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
        };
        if let Some(place) = data.get_mut(to..to + 3) {
            place.copy_from_slice(&[over(red), over(green), over(blue)]);
        }
        to += 3;
    }
    data.truncate(to);
    RgbImage::from_raw(width, height, data).unwrap_or_default()
}

/// The largest size of the same ratio inside the limits.
fn fit(width: u32, height: u32, limits: &photo::Limits) -> (u32, u32) {
    let sum = u64::from(width) + u64::from(height);
    if sum <= limits.sides { (width, height) } else { scaled(width, height, limits.sides, sum, limits) }
}

/// Both sides times a fraction, rounded down; a ratio on its limit is kept there although the short side lost more.
fn scaled(width: u32, height: u32, numerator: u64, denominator: u64, limits: &photo::Limits) -> (u32, u32) {
    let side = |side: u32| (u64::from(side) * numerator).checked_div(denominator).unwrap_or(0).max(1);
    let (width, height) = (side(width), side(height));
    let most = width.min(height).saturating_mul(limits.ratio);
    let narrow = |side: u64| u32::try_from(side.min(most)).unwrap_or(u32::MAX);
    (narrow(width), narrow(height))
}

fn resize(picture: RgbImage, width: u32, height: u32) -> Result<RgbImage, Error> {
    if picture.dimensions() == (width, height) {
        return Ok(picture);
    }
    let failed = |why: &dyn std::fmt::Display| Error::Decode(why.to_string());
    let (from_width, from_height) = picture.dimensions();
    let source = Pixels::from_vec_u8(from_width, from_height, picture.into_raw(), PixelType::U8x3);
    let source = source.map_err(|error| failed(&error))?;
    let mut target = Pixels::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| failed(&error))?;
    RgbImage::from_raw(width, height, target.into_vec()).ok_or(Error::Format)
}

fn turn(picture: RgbImage, orientation: Orientation) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

fn encode(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, Error> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .encode(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .map_err(|error| Error::Decode(error.to_string()))?;
    Ok(jpeg)
}
