//! Files are looked into on their way: real ones made by ffmpeg, through the real pipeline, held against ffprobe on what
//! arrived.

use std::{fs, path::PathBuf};

use super::rig::*;
use crate::media_support::{Folder, ffprobe, frames, is_missing, seconds, shown};

const TAG: (&str, &str) = ("etag", "\"v1\"");

/// A store with one object that knows ranges.
fn store(bytes: Vec<u8>) -> impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static {
    move |request, _| answer(&bytes, request)
}

fn answer(bytes: &[u8], request: &Seen) -> Vec<Act> {
    if request.method == "HEAD" {
        return vec![Act::Send(head("200 OK", &[TAG], bytes.len()))];
    }
    if !request.headers.contains_key("range") {
        return vec![http("200 OK", &[TAG], bytes)];
    }
    assert_eq!(request.headers["if-match"], TAG.1, "two reads of one file must be of one version");
    vec![part(bytes, request)]
}

fn part(bytes: &[u8], request: &Seen) -> Act {
    let start = start_of(request);
    let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
    http("206 Partial Content", &[TAG, ("content-range", &range)], &bytes[start..])
}

/// Telegram, which says nothing of the file: what the value has is what was found.
fn taken(request: &Seen, _: usize) -> Vec<Act> {
    let method = request.target.rsplit('/').next().unwrap().strip_prefix("send").unwrap();
    let kind = match method {
        "VideoNote" => "video_note".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    let file = json!({ "file_id": "id", "file_unique_id": "u" });
    let file = if kind == "photo" { json!([file]) } else { file };
    let chat = json!({ "id": 42, "type": "private" });
    let body = json!({ "ok": true, "result": { "message_id": 5, "date": 1, "chat": chat, (kind): file } });
    vec![Act::ReadBody, http("200 OK", &[], body.to_string())]
}

pub async fn rig(bytes: &[u8], kind: &str) -> Rig {
    Rig::new(store(bytes.to_vec()), taken).await.with("sha256", sha256(bytes)).with("kind", kind)
}

/// What arrived at Telegram, as a file.
pub fn arrived(rig: &Rig, folder: &Folder, name: &str) -> (Seen, PathBuf) {
    let post = rig.telegram.seen().pop().unwrap();
    assert!(post.complete);
    let path = folder.file(name);
    fs::write(&path, post.file().unwrap()).unwrap();
    (post, path)
}

fn number(post: &Seen, name: &str) -> Option<u32> {
    post.field(name).map(|text| text.parse().unwrap())
}

pub async fn sent(rig: &Rig) -> Value {
    let outcome = rig.run().await;
    assert_eq!(outcome.status, Status::Succeeded, "{:?}", outcome.error);
    serde_json::to_value(outcome.value.unwrap()).unwrap()
}

/// A film of a few MB with its index at the end, some of it incompressible.
const SLOW: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -f lavfi -i sine=duration=4 -vf noise=alls=40:allf=t \
                    -c:v libx264 -preset ultrafast -crf 24 -pix_fmt yuv420p -c:a aac -shortest -threads 1";

fn slow(folder: &Folder) -> Vec<u8> {
    let bytes = fs::read(folder.make("slow.mp4", SLOW)).unwrap();
    let find = |what: &[u8]| bytes.windows(4).position(|four| four == what).unwrap();
    assert!(find(b"moov") > find(b"mdat") && bytes.len() > 1_000_000, "{} bytes", bytes.len());
    bytes
}

#[tokio::test]
async fn a_film_with_its_index_at_the_end_arrives_with_it_in_front_and_with_its_geometry() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-slow");
    let bytes = slow(&folder);
    let rig = rig(&bytes, "video").await;
    let value = sent(&rig).await;
    assert_eq!((&value["rewritten"], &value["bytes"]), (&json!("faststart"), &json!(bytes.len())));
    assert_eq!((&value["width"], &value["height"], &value["duration"]), (&json!(320), &json!(180), &json!(4)));
    let (post, path) = arrived(&rig, &folder, "arrived.mp4");
    let probe = ffprobe(&path);
    assert_eq!((number(&post, "width").unwrap(), number(&post, "height").unwrap()), shown(&probe));
    assert!((f64::from(number(&post, "duration").unwrap()) - seconds(&probe)).abs() < 0.5);
    assert_eq!(post.field("supports_streaming").as_deref(), Some("true"));
    let got = fs::read(&path).unwrap();
    let find = |what: &[u8]| got.windows(4).position(|four| four == what).unwrap();
    assert!(find(b"moov") < find(b"mdat"));
    assert_eq!(frames(&path), frames(&folder.file("slow.mp4")), "every decoded frame is the same");
    // The object once, and its end once more.
    let reads: Vec<_> = rig.s3.seen().iter().map(|get| get.headers.get("range").cloned()).collect();
    assert!(reads.len() == 2 && reads[0].is_none() && reads[1].is_some(), "{reads:?}");
    // What is switched off does not happen.
    for (option, rewritten, width) in [("faststart", false, Some(320)), ("probe", false, None)] {
        let rig = self::rig(&bytes, "video").await.option(option, false);
        let value = sent(&rig).await;
        assert_eq!(value.get("rewritten").is_some(), rewritten, "{option}");
        let (post, path) = arrived(&rig, &folder, "as-it-is.mp4");
        assert_eq!(fs::read(path).unwrap(), bytes);
        assert_eq!((number(&post, "width"), post.field("supports_streaming")), (width, None), "{option}");
    }
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_rewritten_film_is_resumed() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-cut");
    let bytes = slow(&folder);
    let object = bytes.clone();
    // The body breaks in its middle; what is asked for then is the rest. The look at the end is served.
    let faulty = move |request: &Seen, _: usize| {
        if request.headers.contains_key("range") {
            return answer(&object, request);
        }
        let half = object.len() / 2;
        vec![Act::Send([head("200 OK", &[TAG], object.len()), object[..half].to_vec()].concat()), Act::Close]
    };
    for cache in [json!(null), json!({ "maxBytes": 100_000_000 })] {
        let rig = Rig::new(faulty.clone(), taken).await.with("sha256", sha256(&bytes)).with("kind", "video");
        let rig = rig.option("cache", cache);
        let value = sent(&rig).await;
        assert_eq!(value["rewritten"], "faststart");
        let starts: Vec<_> = rig.s3.seen().iter().skip(1).map(start_of).collect();
        assert_eq!(starts.len(), 2, "one look, one resumption: {starts:?}");
        assert!(starts.contains(&(bytes.len() / 2)), "{starts:?}");
        let (_, path) = arrived(&rig, &folder, "arrived.mp4");
        assert_eq!(frames(&path), frames(&folder.file("slow.mp4")));
    }
}

#[tokio::test]
async fn wrong_bytes_break_a_rewritten_film_off() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-wrong");
    let bytes = slow(&folder);
    let rig = rig(&bytes, "video").await.with("sha256", "0".repeat(64));
    let outcome = rig.fails("SHA256_MISMATCH").await;
    assert_eq!(serde_json::to_value(outcome.error.unwrap()).unwrap()["certainty"], "not-sent");
    let posts = rig.telegram.seen();
    assert!(
        !posts.is_empty() && posts.iter().all(|post| !post.complete),
        "the uploads must have begun and never ended"
    );
}

/// An index from another moment than the file would place every sample wrong, and the sha256 of the source would be right.
#[tokio::test]
async fn an_index_that_is_not_the_files_own_reaches_nobody() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-index");
    let bytes = slow(&folder);
    let object = bytes.clone();
    let lying = move |request: &Seen, _: usize| {
        let mut object = object.clone();
        if request.headers.contains_key("range") {
            let at = object.windows(4).rposition(|four| four == b"stsz").unwrap();
            object[at + 16] ^= 1;
        }
        answer(&object, request)
    };
    let mut rig = Rig::new(lying, taken).await.with("sha256", sha256(&bytes)).with("kind", "video");
    rig.options["retry"]["quick"] = 0.into();
    rig.fails("SOURCE_CHANGED").await;
    assert!(rig.telegram.seen().iter().all(|post| !post.complete));
}

#[tokio::test]
async fn followers_of_the_cache_rewrite_for_themselves() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-cache");
    let bytes = slow(&folder);
    let rig = rig(&bytes, "video").await.option("cache", json!({ "maxBytes": 100_000_000 }));
    let executor = rig.executor();
    executor.submit_many(["a", "b", "c"].map(|bot| rig.job(&json!({ "key": bot, "botSlug": bot }))));
    for _ in 0..3 {
        let outcome = rig.next(&executor).await;
        assert_eq!(outcome.value.unwrap().rewritten, Some(warmpath_engine::pipeline::Rewritten::Faststart));
    }
    let files: Vec<_> = rig.telegram.seen().iter().map(|post| sha256(&post.file().unwrap())).collect();
    assert!(files.iter().all(|file| *file == files[0] && *file != sha256(&bytes)));
    let whole = rig.s3.seen().iter().filter(|get| !get.headers.contains_key("range")).count();
    assert_eq!(whole, 1, "one download");
}

#[tokio::test]
async fn a_turned_film_and_one_of_pixels_that_are_not_square_are_told_as_they_are_shown() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-shown");
    let base = "-f lavfi -i testsrc2=size=320x240:rate=10:duration=2 -c:v libx264 -pix_fmt yuv420p -threads 1";
    folder.make("plain.mp4", base);
    let turned = if ffmpeg_turns(&folder) { "-display_rotation 90 -i plain.mp4 -c copy" } else { TURNED_OLD };
    folder.make("turned.mp4", turned);
    folder.make("wide.mp4", &format!("{base} -vf setsar=4/3 -movflags +faststart"));
    for (name, size) in [("turned.mp4", (240, 320)), ("wide.mp4", (427, 240))] {
        let rig = rig(&fs::read(folder.file(name)).unwrap(), "video").await;
        sent(&rig).await;
        let (post, path) = arrived(&rig, &folder, "arrived.mp4");
        assert_eq!(shown(&ffprobe(&path)), size, "{name} is not what it is meant to be");
        assert_eq!((number(&post, "width"), number(&post, "height")), (Some(size.0), Some(size.1)), "{name}");
    }
}

const TURNED_OLD: &str = "-i plain.mp4 -c copy -metadata:s:v:0 rotate=90";

/// The option came with ffmpeg 6; the metadata went.
fn ffmpeg_turns(folder: &Folder) -> bool {
    let made = std::panic::catch_unwind(|| folder.make("try.mp4", "-display_rotation 90 -i plain.mp4 -c copy"));
    made.is_ok()
}

#[tokio::test]
async fn what_the_job_says_wins_and_each_method_is_told_what_it_takes() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-given");
    let song = "-f lavfi -i sine=duration=7 -metadata title=Tão -metadata artist=Nós -c:a libmp3lame -threads 1";
    let song = fs::read(folder.make("song.mp3", song)).unwrap();
    let rig = rig(&song, "audio").await;
    sent(&rig).await;
    let (post, _) = arrived(&rig, &folder, "song");
    let field = |post: &Seen, name| post.field(name);
    assert_eq!((field(&post, "title").as_deref(), field(&post, "performer").as_deref()), (Some("Tão"), Some("Nós")));
    assert_eq!((number(&post, "duration"), number(&post, "width")), (Some(7), None));
    assert!(String::from_utf8_lossy(&post.body).contains(".mp3\"\r\ncontent-type: audio/mpeg\r\n"));

    let given = json!({ "duration": 9, "title": "a" });
    let rig = self::rig(&song, "audio").await.with("media", given).with("fileName", "x.bin");
    let value = sent(&rig).await;
    let (post, _) = arrived(&rig, &folder, "song");
    assert_eq!((field(&post, "title").as_deref(), field(&post, "performer").as_deref()), (Some("a"), Some("Nós")));
    assert_eq!((number(&post, "duration"), &value["duration"]), (Some(9), &json!(9)));
    assert!(String::from_utf8_lossy(&post.body).contains("filename=\"x.bin\"\r\ncontent-type: audio/mpeg\r\n"));

    let voice = fs::read(folder.make("voice.ogg", "-f lavfi -i sine=duration=5 -c:a libopus -threads 1")).unwrap();
    let rig = self::rig(&voice, "voice").await;
    sent(&rig).await;
    let (post, _) = arrived(&rig, &folder, "voice");
    assert_eq!((number(&post, "duration"), field(&post, "title")), (Some(5), None));
}

#[tokio::test]
async fn a_file_is_named_by_what_it_is_and_keeps_its_kind() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-named");
    let png = fs::read(folder.make("a.png", "-f lavfi -i testsrc2=size=64x48 -frames:v 1")).unwrap();
    let stored = ("content-type", "image/jpeg");
    for kind in ["photo", "document"] {
        let object = png.clone();
        let lying = move |_: &Seen, _: usize| vec![http("200 OK", &[TAG, stored], &object)];
        let rig = Rig::new(lying, taken).await.with("sha256", sha256(&png)).with("kind", kind);
        assert_eq!(sent(&rig).await["kind"], kind);
        let (post, _) = arrived(&rig, &folder, "named");
        let said = format!("filename=\"{}.png\"\r\ncontent-type: image/png\r\n", sha256(&png));
        assert!(String::from_utf8_lossy(&post.body).contains(&said), "{kind}");
        let rig = rig.with("contentType", "image/x-own");
        sent(&rig).await;
        let (post, _) = arrived(&rig, &folder, "named");
        assert!(
            String::from_utf8_lossy(&post.body).contains("content-type: image/x-own\r\n"),
            "{kind}: the job's wins"
        );
    }
}

#[tokio::test]
async fn a_slow_film_goes_by_url_only_where_that_is_asked_for() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-url");
    let bytes = slow(&folder);
    for (faststart, route, reason) in [(true, Route::Stream, Reason::Faststart), (false, Route::Url, Reason::Direct)] {
        let rig = rig(&bytes, "video").await.with("contentType", "video/mp4").option("faststart", faststart);
        let executor = rig.executor();
        rig.settle(&executor, &json!({})).await;
        // Verified now, so that Telegram might fetch it by itself.
        let value = rig.settle(&executor, &json!({ "key": "second" })).await.value.unwrap();
        assert_eq!((value.route, value.route_reason), (route, reason));
    }
}

#[tokio::test]
async fn a_local_server_is_handed_a_fast_film_by_its_path_and_a_slow_one_in_order() {
    if is_missing() {
        return;
    }
    let folder = Folder::new("prepare-local");
    let bytes = slow(&folder);
    let fast = folder.make("fast.mp4", "-i slow.mp4 -c copy -movflags +faststart");
    for (path, route) in [(folder.file("slow.mp4"), Route::Stream), (fast, Route::File)] {
        let file = fs::read(&path).unwrap();
        let mut rig = rig(&bytes, "video").await.with("path", path.to_str().unwrap()).with("sha256", sha256(&file));
        rig.job.as_object_mut().unwrap().remove("r2Key");
        rig.options["telegram"]["local"] = true.into();
        let outcome = rig.run().await;
        assert_eq!(outcome.value.expect("sent").route, route);
        let post = rig.telegram.seen().pop().unwrap();
        assert_eq!((number(&post, "width"), number(&post, "duration")), (Some(320), Some(4)));
    }
}
