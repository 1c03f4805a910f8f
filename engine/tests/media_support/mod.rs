//! ffmpeg and ffprobe: the makers of what is tested, and the oracle it is held against.
//!
//! They are looked for in the folder that WARMPATH_FFMPEG_DIR names, else in PATH (Debian: `apt-get install ffmpeg`).

#![allow(dead_code, reason = "every test file uses another part of it")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

/// Whether both are there. Where not, that is said, and with CI=true it is a failure.
pub fn is_missing() -> bool {
    static MISSING: OnceLock<bool> = OnceLock::new();
    *MISSING.get_or_init(|| {
        let missing =
            ["ffmpeg", "ffprobe"].into_iter().find(|name| Command::new(tool(name)).arg("-version").output().is_err());
        let Some(name) = missing else { return false };
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} is missing: set WARMPATH_FFMPEG_DIR or PATH");
        // Straight to the terminal: the test harness swallows what a passing test prints.
        let said = format!("\nNOT TESTED: media against ffprobe: no {name} in WARMPATH_FFMPEG_DIR or PATH\n\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        true
    })
}

fn tool(name: &str) -> PathBuf {
    std::env::var_os("WARMPATH_FFMPEG_DIR").map_or_else(|| name.into(), |folder| Path::new(&folder).join(name))
}

/// A folder of one test, emptied at its start and removed at its end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("media-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes a file by ffmpeg; arguments are separated by blanks.
    pub fn make(&self, name: &str, arguments: &str) -> PathBuf {
        let path = self.file(name);
        let mut command = Command::new(tool("ffmpeg"));
        command.args(["-v", "error", "-nostdin", "-y"]).args(arguments.split_whitespace()).arg(&path);
        let output = command.current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What ffprobe says of a file.
pub fn ffprobe(path: &Path) -> Value {
    let output = Command::new(tool("ffprobe"))
        .args(["-v", "error", "-show_streams", "-show_format", "-of", "json"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A digest of every decoded frame of every stream, and what the decoder complained about.
pub fn frames(path: &Path) -> (String, String) {
    let output = Command::new(tool("ffmpeg"))
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Seconds from the first packet to the end of the last, of the stream where that is longest. Of a file in fragments
/// ffprobe's header reading is not always the whole.
pub fn packet_seconds(path: &Path) -> f64 {
    let output = Command::new(tool("ffprobe"))
        .args(["-v", "error", "-show_entries", "packet=stream_index,dts_time,duration_time", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let mut spans: std::collections::HashMap<String, (f64, f64)> = std::collections::HashMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut fields = line.split(',');
        let stream = fields.next().unwrap().to_owned();
        let mut number = || fields.next().and_then(|text| text.parse::<f64>().ok());
        // A packet without a time is one of an edit's rest.
        let (Some(start), duration) = (number(), number().unwrap_or(0.0)) else { continue };
        let span = spans.entry(stream).or_insert((start, start));
        *span = (span.0.min(start), span.1.max(start + duration));
    }
    spans.values().map(|(start, end)| end - start).fold(0.0, f64::max)
}

/// The first stream of a kind.
pub fn stream<'a>(probe: &'a Value, kind: &str) -> Option<&'a Value> {
    probe["streams"].as_array().unwrap().iter().find(|stream| stream["codec_type"] == kind)
}

/// Width and height as shown, worked out from what ffprobe says: pixel aspect, then rotation.
pub fn shown(probe: &Value) -> (u32, u32) {
    let stream = stream(probe, "video").unwrap();
    let number = |name: &str| u32::try_from(stream[name].as_u64().unwrap()).unwrap();
    let (mut width, height) = (number("width"), number("height"));
    if let Some((across, down)) = stream["sample_aspect_ratio"].as_str().and_then(|text| text.split_once(':')) {
        let (across, down): (f64, f64) = (across.parse().unwrap(), down.parse().unwrap());
        if across > 0.0 {
            width = (f64::from(width) * across / down).round() as u32;
        }
    }
    if rotation(probe).rem_euclid(180) == 90 { (height, width) } else { (width, height) }
}

/// Degrees clockwise, 0 to 359.
pub fn rotation(probe: &Value) -> i64 {
    let list = stream(probe, "video").and_then(|stream| stream["side_data_list"].as_array());
    let turned = list.and_then(|list| list.iter().find_map(|data| data["rotation"].as_i64()));
    // ffprobe counts counter-clockwise.
    (-turned.unwrap_or(0)).rem_euclid(360)
}

/// Seconds of the whole file.
pub fn seconds(probe: &Value) -> f64 {
    probe["format"]["duration"].as_str().unwrap().parse().unwrap()
}
