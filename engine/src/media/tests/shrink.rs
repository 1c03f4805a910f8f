use ::image::{DynamicImage, ImageFormat, Rgba, RgbaImage};

use crate::media::{
    Format, image, photo,
    shrink::{Error, Options, Shrunk, shrink},
    window::Window,
};

/// A picture whose left half is red, right half blue, and lower half transparent.
fn picture(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgba8(RgbaImage::from_fn(width, height, |x, y| {
        let alpha = if y < height / 2 { 255 } else { 0 };
        if x < width / 2 { Rgba([255, 0, 0, alpha]) } else { Rgba([0, 0, 255, alpha]) }
    }))
}

fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A JPEG as a camera writes it that was held like this.
fn turned(mut jpeg: Vec<u8>, orientation: u8) -> Vec<u8> {
    let exif = super::files::exif(orientation, true);
    let segment = [&[0xFF, 0xE1][..], &u16::try_from(exif.len() + 2).unwrap().to_be_bytes(), &exif].concat();
    jpeg.splice(2..2, segment);
    jpeg
}

/// A small picture of every format.
pub fn small() -> Vec<(&'static str, Vec<u8>)> {
    let formats = [("png", ImageFormat::Png), ("webp", ImageFormat::WebP), ("gif", ImageFormat::Gif)];
    let mut files: Vec<_> = formats.into_iter().map(|(name, format)| (name, file(&picture(20, 12), format))).collect();
    let jpeg = file(&DynamicImage::ImageRgb8(picture(20, 12).to_rgb8()), ImageFormat::Jpeg);
    files.extend([("jpeg-turned", turned(jpeg.clone(), 6)), ("jpeg", jpeg)]);
    files
}

/// The result passes the check that the original failed.
fn checked(data: &[u8], options: &Options) -> Shrunk {
    let shrunk = shrink(data, options).unwrap();
    let image = image::probe(&Window::whole(&shrunk.jpeg), Format::Jpeg).unwrap();
    assert_eq!((image.width, image.height, image.orientation), (shrunk.width, shrunk.height, 1));
    assert_eq!(photo::check(shrunk.jpeg.len() as u64, &image, &options.limits), Ok(()));
    shrunk
}

fn colors(shrunk: &Shrunk, places: &[(u32, u32)]) -> Vec<&'static str> {
    let picture = ::image::load_from_memory(&shrunk.jpeg).unwrap().into_rgb8();
    let name = |(x, y): &(u32, u32)| match picture.get_pixel(*x, *y).0 {
        [200..=255, 0..60, 0..60] => "red",
        [0..60, 0..60, 200..=255] => "blue",
        [200..=255, 200..=255, 200..=255] => "white",
        _ => "another",
    };
    places.iter().map(name).collect()
}

#[test]
fn every_format_on_white_and_inside_the_limits() {
    let limits = photo::Limits { sides: 150, ..photo::Limits::default() };
    let options = Options { limits, ..Options::default() };
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let shrunk = checked(&file(&picture(200, 100), format), &options);
        assert_eq!((shrunk.width, shrunk.height), (100, 50), "{format:?}");
        let found = colors(&shrunk, &[(20, 10), (80, 10), (20, 40), (80, 40)]);
        assert_eq!(found, ["red", "blue", "white", "white"], "{format:?}");
    }
}

#[test]
fn turned_as_the_camera_was() {
    let jpeg = turned(file(&DynamicImage::ImageRgb8(picture(60, 40).to_rgb8()), ImageFormat::Jpeg), 6);
    let shrunk = checked(&jpeg, &Options::default());
    assert_eq!((shrunk.width, shrunk.height), (40, 60));
    // A quarter turn clockwise: what was left is on top.
    assert_eq!(colors(&shrunk, &[(30, 10), (30, 50)]), ["red", "blue"]);
}

#[test]
fn a_ratio_on_its_limit_stays_there() {
    let limits = photo::Limits { sides: 100, ..photo::Limits::default() };
    let options = Options { limits, ..Options::default() };
    for (width, height) in [(400, 20), (20, 400), (399, 20), (101, 6), (100, 100)] {
        checked(&file(&picture(width, height), ImageFormat::Png), &options);
    }
    let thin = shrink(&file(&picture(401, 20), ImageFormat::Png), &options);
    assert_eq!(thin, Err(Error::Refused(photo::Refusal::Ratio { width: 401, height: 20, most: 20 })));
}

#[test]
fn bytes_come_down_by_quality_and_then_by_size() {
    let mut random = fastrand::Rng::with_seed(1);
    let noise = RgbaImage::from_fn(300, 200, |_, _| Rgba([random.u8(..), random.u8(..), random.u8(..), 255]));
    let noise = file(&DynamicImage::ImageRgba8(noise), ImageFormat::Png);
    let within = |bytes| {
        let limits = photo::Limits { bytes, ..photo::Limits::default() };
        checked(&noise, &Options { limits, ..Options::default() })
    };
    let (large, small) = (within(120_000), within(20_000));
    assert_eq!((large.width, large.height), (300, 200));
    assert!(small.width < 300 && small.width > 100, "{}", small.width);
    let limits = photo::Limits { bytes: 10, ..photo::Limits::default() };
    assert_eq!(shrink(&noise, &Options { limits, ..Options::default() }), Err(Error::Bytes(10)));
}

#[test]
fn what_cannot_be_done_is_said() {
    let png = file(&picture(100, 100), ImageFormat::Png);
    let few = Options { pixels: 9_999, ..Options::default() };
    assert_eq!(shrink(&png, &few), Err(Error::Pixels { pixels: 10_000, most: 9_999 }));
    assert!(matches!(shrink(&png[..200], &Options::default()), Err(Error::Decode(_))));
    assert_eq!(shrink(b"%PDF-1.7", &Options::default()), Err(Error::Format));
    assert_eq!(shrink(b"", &Options::default()), Err(Error::Format));
}

#[test]
fn no_broken_picture_panics() {
    let mut random = fastrand::Rng::with_seed(3);
    let options = Options { pixels: 1_000_000, ..Options::default() };
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Jpeg] {
        let source = if format == ImageFormat::Jpeg {
            DynamicImage::ImageRgb8(picture(40, 30).to_rgb8())
        } else {
            picture(40, 30)
        };
        let data = file(&source, format);
        for _ in 0..300 {
            let mut broken = data.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..broken.len());
                broken[at] = random.u8(..);
            }
            broken.truncate(random.usize(broken.len() / 2..=broken.len()));
            let _ = shrink(&broken, &options);
        }
    }
}
