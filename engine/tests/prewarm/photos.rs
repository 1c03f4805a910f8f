//! Photos above the limits of photos: found out before they are sent, and what becomes of them.

use std::fs;

use super::{rig::*, routes::document};
#[cfg(feature = "shrink")]
use crate::media_support::{ffprobe, shown};
use crate::{
    media::*,
    media_support::{Folder, is_missing},
};

#[tokio::test]
async fn photos_that_telegram_would_refuse_are_not_sent() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-photo");
    // Too many pixels, too long, and one byte too many.
    let wide = fs::read(folder.make("wide.png", "-f lavfi -i color=size=7000x5400 -frames:v 1")).unwrap();
    let long = fs::read(folder.make("long.png", "-f lavfi -i color=size=2100x100 -frames:v 1")).unwrap();
    let mut fat = fs::read(folder.make("fat.jpg", "-f lavfi -i color=size=640x480 -frames:v 1")).unwrap();
    fat.resize((10 << 20) + 1, 0);
    for (bytes, code, option, reason) in [
        (&wide, "TELEGRAM_REJECTED", "onRejected", "rejected"),
        (&long, "TELEGRAM_REJECTED", "onRejected", "rejected"),
        (&fat, "TOO_LARGE", "onTooLarge", "too-large"),
    ] {
        let refused = rig(bytes, "photo").await;
        refused.fails(code).await;
        assert!(refused.telegram.seen().is_empty(), "not a byte");
        for option in [option, "onLargePhoto"] {
            let rig = rig(bytes, "photo").await.option(option, "document");
            let value = sent(&rig).await;
            assert_eq!((&value["kind"], &value["kindReason"]), (&json!("document"), &json!(reason)));
            assert_eq!(rig.telegram.seen().len(), 1);
        }
    }
    fat.pop();
    let value = sent(&rig(&fat, "photo").await).await;
    assert_eq!((&value["kind"], &value["width"]), (&json!("photo"), &json!(640)), "the last byte that fits");
}

#[cfg(feature = "shrink")]
#[tokio::test]
async fn photos_are_made_smaller_by_policy_and_what_cannot_be_is_not() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-shrink");
    // Small limits, because a debug build takes a minute for a picture that is truly too large.
    let noisy = "-f lavfi -i testsrc2=size=640x480 -vf noise=alls=60:allf=t -frames:v 1";
    let wide = fs::read(folder.make("wide.png", noisy)).unwrap();
    let small = |mut rig: Rig| {
        rig.options["telegram"]["maxUploadBytes"] = 300_000.into();
        rig.option("onLargePhoto", "shrink")
    };
    let rig = small(self::rig(&wide, "photo").await);
    let value = sent(&rig).await;
    assert_eq!((&value["kind"], &value["rewritten"]), (&json!("photo"), &json!("shrunk")));
    let (post, path) = arrived(&rig, &folder, "shrunk.jpg");
    let (width, height) = shown(&ffprobe(&path));
    let len = fs::metadata(&path).unwrap().len();
    assert!(
        wide.len() > 300_000 && len <= 300_000 && (width * 3).abs_diff(height * 4) < 8,
        "{width} x {height}, {len}"
    );
    assert_eq!((&value["width"], &value["height"]), (&json!(width), &json!(height)));
    assert!(String::from_utf8_lossy(&post.body).contains(".jpg\"\r\ncontent-type: image/jpeg\r\n"));
    let wrong = small(self::rig(&wide, "photo").await).with("sha256", "0".repeat(64));
    wrong.fails("SHA256_MISMATCH").await;
    let long = fs::read(folder.make("long.png", "-f lavfi -i color=size=2100x100 -frames:v 1")).unwrap();
    let rig = self::rig(&long, "photo").await.option("onLargePhoto", "shrink");
    rig.fails("TELEGRAM_REJECTED").await;
    let value = sent(&rig.option("onRejected", "document")).await;
    assert_eq!(value["kind"], "document");
}

#[tokio::test]
async fn a_photo_that_is_refused_by_url_is_seen_here_before_it_is_given_up() {
    // What the engine itself finds in the bytes: 7,000 by 5,400.
    let wide = || {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([7_000_u32.to_be_bytes(), 5_400_u32.to_be_bytes()].concat());
        png.extend([8, 2, 0, 0, 0]);
        png.resize(5_000, 0);
        png
    };
    let stored = move |_: &Seen, _| vec![http("200 OK", &[ETAG, ("content-type", "image/png")], wide())];
    let refuses = |r: &Seen, _| {
        vec![Act::ReadBody, if r.target.ends_with("/sendPhoto") { bad("PHOTO_INVALID_DIMENSIONS") } else { document() }]
    };
    let rig = Rig::new(stored, refuses).await.with("contentType", "image/png").with("size", 5_000);
    let rig = rig.with("sha256", sha256(&wide())).option("route", "auto").option("verifySha256", false);
    let rig = rig.option("onLargePhoto", "document");
    let executor = rig.executor();
    for (key, requests) in [("first", vec!["/sendPhoto", "/sendDocument"]), ("second", vec!["/sendDocument"])] {
        let before = rig.telegram.seen().len();
        let outcome = rig.settle(&executor, &json!({ "key": key })).await;
        let value = outcome.value.unwrap_or_else(|| panic!("{key}: {:?}", outcome.error));
        assert_eq!((value.route, value.route_reason), (Route::Stream, Reason::LargePhoto), "{key}");
        let seen = rig.telegram.seen();
        let methods: Vec<_> = seen[before..].iter().map(|r| &r.target[r.target.rfind('/').unwrap()..]).collect();
        assert_eq!(methods, requests, "{key}");
    }
}
