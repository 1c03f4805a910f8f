use std::time::Duration;

use super::files;
use crate::media::{
    audio::{Audio, mp3::Frame, probe},
    format::Format,
    window::Window,
};

fn read(data: &[u8], format: Format) -> Audio {
    probe(&Window::whole(data), format).unwrap()
}

#[test]
fn frames_have_the_length_of_the_standard() {
    for (header, len, rate, samples) in [
        ([0xFF, 0xFB, 0x90, 0x00], 417, 44_100, 1152),
        ([0xFF, 0xFB, 0x92, 0x00], 418, 44_100, 1152),
        ([0xFF, 0xF3, 0x80, 0x00], 208, 22_050, 576),
        ([0xFF, 0xE3, 0x18, 0x00], 72, 8_000, 576),
        ([0xFF, 0xFD, 0x84, 0x00], 384, 48_000, 1152),
        ([0xFF, 0xFF, 0x14, 0x00], 32, 48_000, 384),
    ] {
        let frame = Frame::parse(&header).unwrap();
        assert_eq!((frame.len, frame.sample_rate, frame.samples), (len, rate, samples), "{header:x?}");
    }
    for wrong in [
        [0xFF, 0xFB, 0xF0, 0],
        [0xFF, 0xFB, 0x00, 0],
        [0xFF, 0xFB, 0x9C, 0],
        [0xFF, 0xF9, 0x90, 0],
        [0xFF, 0xEB, 0x90, 0],
    ] {
        assert_eq!(Frame::parse(&wrong), None, "{wrong:x?}");
    }
}

#[test]
fn mpeg_sound() {
    let audio = read(&files::mp3(5), Format::Mp3);
    assert_eq!(audio.title.as_deref(), Some("Überfahrt"));
    assert_eq!(audio.performer.as_deref(), Some("Łódź"));
    assert_eq!(audio.duration.unwrap().as_millis(), 1000 * 1152 * 1000 / 44_100);
    assert!(!audio.is_estimate);
    assert_eq!(read(&files::mp3_vbri(), Format::Mp3).duration.unwrap().as_millis(), 500 * 1152 * 1000 / 44_100);
    let estimate = read(&files::mp3_cbr(), Format::Mp3);
    assert_eq!(estimate.duration, Some(Duration::from_micros(4170 * 8 * 1_000_000 / 128_000)));
    assert!(estimate.is_estimate);
}

#[test]
fn the_other_formats() {
    for (data, format, duration, title, performer) in [
        (files::opus(48_000 * 3 + 312), Format::OggOpus, Some(3000), "Fahrt", "Łódź"),
        (files::opus(100), Format::OggOpus, None, "Fahrt", "Łódź"),
        (files::wav(16_000), Format::Wav, Some(2500), "Fahrt", "Wi"),
    ] {
        let audio = read(&data, format);
        assert_eq!(audio.duration, duration.map(Duration::from_millis));
        assert_eq!((audio.title.as_deref(), audio.performer.as_deref()), (Some(title), Some(performer)));
    }
}
