//! Boxes, the movie box, fragments. The first bytes say how much longer than the input the file claims to be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::media::{
    mp4,
    window::{Stop, Window},
};

fuzz_target!(|data: &[u8]| {
    let Some((more, data)) = data.split_first_chunk::<2>() else { return };
    let len = data.len() as u64 + (u64::from(more[0]) << (more[1] % 56));
    let mut window = Window::new(len);
    window.insert(0, data);
    match mp4::probe(&window) {
        Ok(mp4) => assert!(mp4.movie.tracks.len() <= 64 && mp4.moov.len() <= data.len()),
        Err(Stop::Need(need)) => assert!(need.start < need.end && need.end <= len, "{need:?} of {len}"),
        Err(Stop::Broken(_)) => {}
        Err(Stop::Closed) => panic!("closed by nobody"),
    }
});
