//! Headers of pictures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmpath_engine::media::{
    Format, image, photo,
    window::Window,
};

fuzz_target!(|data: &[u8]| {
    let window = Window::whole(data);
    for format in [Format::Jpeg, Format::Png, Format::Gif, Format::WebP] {
        if let Ok(image) = image::probe(&window, format) {
            assert!(image.width > 0 && image.height > 0 && (1..=8).contains(&image.orientation));
            let _ = photo::check(data.len() as u64, &image, &photo::Limits::default());
        }
    }
});
