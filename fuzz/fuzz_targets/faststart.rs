//! The rewrite: what it plans is as long as it says, made of the source's bytes, and fast.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::media::{
    faststart::{Refusal, Segment},
    mp4,
    window::Window,
};

fuzz_target!(|data: &[u8]| {
    let Ok(source) = mp4::probe(&Window::whole(data)) else { return };
    let Ok(plan) = source.faststart(data.len() as u64) else { return };
    let mut out = Vec::new();
    let mut at = 0;
    for segment in &plan.segments {
        match segment {
            Segment::Literal(bytes) => out.extend_from_slice(bytes),
            Segment::Range { from, len } => {
                assert!(*from >= at, "ranges go backwards");
                at = from + len;
                out.extend_from_slice(&data[*from as usize..at as usize]);
            }
        }
    }
    assert_eq!(out.len() as u64, plan.len);
    let again = mp4::probe(&Window::whole(&out)).expect("the rewritten file is readable");
    assert_eq!(again.faststart(plan.len), Err(Refusal::Fast));
    assert_eq!(again.movie.tracks.len(), source.movie.tracks.len());
    assert_eq!(again.duration, source.duration);
});
