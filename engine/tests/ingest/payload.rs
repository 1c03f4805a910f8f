//! Media that come with their jobs: bytes and text.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::rig::*;

#[tokio::test]
async fn bytes_and_every_form_of_text_are_stored() {
    let rig = Rig::new(None, &json!({}));
    for len in [1, 2, 3, 100_000, 131_073, 262_143, 262_144, 262_145, 2_000_000] {
        let bytes = media(len);
        let plain = STANDARD.encode(&bytes);
        let wrapped = plain.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect::<Vec<_>>();
        // The second alphabet from the middle on, as nobody should write it.
        let (first, second) = plain.split_at(plain.len() / 2);
        let mixed = [first, &second.replace('+', "-").replace('/', "_")].concat();
        for text in
            [plain.clone().into_bytes(), URL_SAFE_NO_PAD.encode(&bytes).into_bytes(), wrapped, mixed.into_bytes()]
        {
            stored(rig.run(&json!({ "source": { "type": "base64" } }), Some(&text)).await, &bytes);
        }
        stored(rig.run(&json!({ "source": { "type": "bytes" } }), Some(&bytes)).await, &bytes);
    }
    rig.scratch.is_clean().await;
}

#[tokio::test]
async fn text_that_is_wrong_names_the_character_and_leaves_nothing() {
    let rig = Rig::new(None, &json!({}));
    let good = STANDARD.encode(media(300_000));
    for at in [0, 77, 349_523, 349_524, good.len() - 5] {
        for wrong in [b'!', b'=', 0xFF] {
            let mut text = good.clone().into_bytes();
            text[at] = wrong;
            let outcome = rig.run(&json!({ "source": { "type": "base64" } }), Some(&text)).await;
            let message = outcome.error.as_ref().map(|error| error.message.clone()).unwrap_or_default();
            // Padding in the middle shows with the character behind it.
            let named = |at: usize| message.ends_with(&format!("character {at}"));
            assert!(named(at) || (wrong == b'=' && named(at + 1)), "{at} {wrong}: {message}");
            rig.nothing(&outcome, "INVALID_BASE64").await;
        }
    }
}

#[tokio::test]
async fn a_job_on_a_file_of_this_machine() {
    let rig = Rig::new(None, &json!({}));
    let from = Scratch::new();
    let path = from.0.join("in");
    fs::write(&path, media(600_001)).unwrap();
    stored(rig.run(&json!({ "source": { "type": "path", "path": path } }), None).await, &media(600_001));
    for path in [from.0.join("nowhere"), from.0.clone()] {
        let outcome = rig.run(&json!({ "source": { "type": "path", "path": path } }), None).await;
        assert_eq!(outcome.error.unwrap().code, "ERR_WARMPATH_SOURCE_NOT_FOUND");
    }
}
