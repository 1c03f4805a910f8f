//! The whole front: whatever the file, it ends, inside its limits and inside the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::media::{Inspector, Step, inspect::Limits};

fuzz_target!(|data: &[u8]| {
    let len = data.len() as u64;
    let limits = Limits::default();
    let mut inspector = Inspector::with_limits(None, len, limits);
    let mut wishes = 0;
    while let Step::Need(need) = inspector.step().clone() {
        wishes += 1;
        assert!(wishes < 5000, "no end");
        assert!(need.start < need.end && need.end <= len, "{need:?} of {len}");
        inspector.feed(need.start, &data[need.start as usize..need.end as usize]);
    }
    let report = inspector.finish();
    assert!(report.read <= len);
    let _ = (report.size(), report.seconds(), report.extension(), report.faststart());
});
