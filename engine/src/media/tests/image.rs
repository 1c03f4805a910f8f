use super::files;
use crate::media::{
    format::Format,
    image::{Image, probe},
    window::{Stop, Window},
};

fn read(data: &[u8], format: Format) -> Result<Image, Stop> {
    probe(&Window::whole(data), format)
}

fn still(width: u32, height: u32) -> Image {
    Image { width, height, orientation: 1, animated: false }
}

#[test]
fn jpeg_turned_by_either_byte_order() {
    for orientation in 1..=8 {
        let data = files::jpeg(640, 480, Some(orientation));
        let (width, height) = if orientation > 4 { (480, 640) } else { (640, 480) };
        let expected = Image { orientation, ..still(width, height) };
        assert_eq!(read(&data, Format::Jpeg), Ok(expected));
        let (big, little) = (files::exif(orientation, true), files::exif(orientation, false));
        let at = data.windows(big.len()).position(|window| window == big).unwrap();
        let mut other = data[..at - 2].to_vec();
        other.extend_from_slice(&u16::try_from(little.len() + 2).unwrap().to_be_bytes());
        other.extend_from_slice(&little);
        other.extend_from_slice(&data[at + big.len()..]);
        assert_eq!(read(&other, Format::Jpeg), Ok(expected));
    }
    assert_eq!(read(&files::jpeg(1, 65_535, None), Format::Jpeg), Ok(still(1, 65_535)));
    assert_eq!(read(&files::jpeg(5, 5, Some(9)), Format::Jpeg), Ok(still(5, 5)));
    assert!(matches!(read(&files::jpeg(0, 5, None), Format::Jpeg), Err(Stop::Broken(_))));
}

#[test]
fn the_other_formats() {
    assert_eq!(read(&files::png(true), Format::Png), Ok(Image { animated: true, ..still(300, 200) }));
    assert_eq!(read(&files::png(false), Format::Png), Ok(still(300, 200)));
    assert_eq!(read(&files::gif(1), Format::Gif), Ok(still(32, 16)));
    assert_eq!(read(&files::gif(2), Format::Gif), Ok(Image { animated: true, ..still(32, 16) }));
    let webp = |kind, body: &[u8]| read(&files::webp(kind, body), Format::WebP);
    assert_eq!(webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a\x21\xC0\x11\x40"), Ok(still(33, 17)));
    assert_eq!(webp(b"VP8L", &[0x2F, 0x1F, 0xC0, 0x03, 0]), Ok(still(32, 16)));
    assert_eq!(webp(b"VP8X", &[2, 0, 0, 0, 0x31, 0, 0, 0x27, 0, 0]), Ok(Image { animated: true, ..still(50, 40) }));
    assert!(matches!(webp(b"ICCP", &[0; 10]), Err(Stop::Broken(_))));
}

#[test]
fn a_long_profile_costs_no_bytes() {
    let data = files::png(true);
    let mut window = Window::new(data.len() as u64);
    window.insert(0, &data[..100]);
    let Err(Stop::Need(need)) = probe(&window, Format::Png) else { panic!("no wish") };
    assert_eq!(need.start, 33 + 12 + 5000);
}
