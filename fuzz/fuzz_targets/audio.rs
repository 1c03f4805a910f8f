//! Headers of sound. The first bytes say how much longer than the input the file claims to be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::media::{
    Format, audio,
    window::{Stop, Window},
};

fuzz_target!(|data: &[u8]| {
    let Some((more, data)) = data.split_first_chunk::<2>() else { return };
    let len = data.len() as u64 + (u64::from(more[0]) << (more[1] % 56));
    let mut window = Window::new(len);
    window.insert(0, data);
    for format in [Format::Mp3, Format::OggOpus, Format::Wav, Format::Flac] {
        match audio::probe(&window, format) {
            Ok(audio) => {
                for text in [&audio.title, &audio.performer].into_iter().flatten() {
                    assert!(text.chars().count() <= 256 && !text.chars().any(char::is_control));
                }
            }
            Err(Stop::Need(need)) => assert!(need.start < need.end && need.end <= len, "{need:?} of {len}"),
            Err(Stop::Broken(_)) => {}
            Err(Stop::Closed) => panic!("closed by nobody"),
        }
    }
});
