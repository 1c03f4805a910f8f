//! A look at a stream in any pieces, of known and of unknown length: it ends, and keeps little.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::pipeline::Look;

fuzz_target!(|data: &[u8]| {
    let Some((piece, file)) = data.split_first() else { return };
    for len in [Some(file.len() as u64), None] {
        let mut look = Look::new(None, len);
        for part in file.chunks(usize::from(*piece) * 64 + 1) {
            look.see(&part.to_vec().into());
        }
        let report = look.finish();
        assert_eq!(report.len, file.len() as u64);
        let _ = (report.size(), report.seconds(), report.extension());
    }
});
