//! Disks that are full, or cannot be written.

use std::process::Command;

use super::rig::*;

const INSIDE: &str = "WARMPATH_TEST_SMALL_DISK";

/// Runs this test program again, one test of it, where a directory is a file system of 1 MiB. False where the system has none to
/// give (no root, no namespaces, not Linux).
fn inside_small_disk(test: &str) -> bool {
    let place = Scratch::new();
    let script = r#"mount -t tmpfs -o size=1m tmpfs "$0" && echo mounted && exec "$1" --exact "$2" --nocapture"#;
    let ran = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(&place.0)
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, &place.0)
        .output();
    let Ok(output) = ran else { return false };
    let said = String::from_utf8_lossy(&output.stdout);
    if !said.contains("mounted") {
        return false;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// What the disk takes is exactly 1 MiB: it is full in the middle of a file, in its last block, by one byte, and not at all.
#[tokio::test]
async fn a_full_disk_is_transient_and_nothing_is_left() {
    let Ok(place) = std::env::var(INSIDE) else {
        if !inside_small_disk("disk::a_full_disk_is_transient_and_nothing_is_left") {
            eprintln!("LEFT OUT: no file system of its own to be had for a full disk");
        }
        return;
    };
    let options = json!({ "retry": { "quick": 1, "baseMs": 1, "maxMs": 1 } });
    for (len, full) in [(3_000_000, true), (1_100_000, true), ((1 << 20) + 1, true), (1 << 20, false), (100_000, false)]
    {
        let rig = Rig::at(Scratch(PathBuf::from(&place)), None, &options);
        let outcome = rig.run(&json!({ "source": { "type": "bytes" } }), Some(&media(len))).await;
        if full {
            let error = outcome.error.as_ref().unwrap_or_else(|| panic!("{len} bytes were stored"));
            assert_eq!((error.class, outcome.attempts), ("transient", 2), "{len}");
            rig.nothing(&outcome, "DISK_FULL").await;
        } else {
            fs::remove_file(stored(outcome, &media(len)).location.path.unwrap()).unwrap();
        }
        // The directory is the namespace's.
        std::mem::forget(rig.scratch);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_that_went_away_is_transient() {
    let rig = Rig::new(None, &json!({}));
    let aside = rig.scratch.0.with_extension("aside");
    fs::rename(&rig.scratch.0, &aside).unwrap();
    let outcome = rig.run(&json!({ "source": { "type": "bytes" } }), Some(&media(100_000))).await;
    let error = outcome.error.unwrap();
    assert_eq!((error.code, error.class), ("ERR_WARMPATH_DISK_FAILED", "transient"));
    fs::rename(&aside, &rig.scratch.0).unwrap();
    stored(rig.run(&json!({ "source": { "type": "bytes" } }), Some(&media(100_000))).await, &media(100_000));
}

/// Jobs of one name at once, as no caller should make them: each medium is there, whole, under a name of its own.
#[tokio::test]
async fn names_that_collide_are_told_apart() {
    let rig = Rig::new(None, &json!({}));
    let media = |n: usize| vec![n as u8; 50_000 + n];
    let jobs =
        (0..20).map(|n| Rig::job(&json!({ "key": format!("k{n}"), "source": { "type": "bytes" } }), Some(&media(n))));
    rig.executor.submit_many(jobs);
    let mut paths = std::collections::HashSet::new();
    for _ in 0..20 {
        let outcome = rig.next().await;
        let n: usize = outcome.key.trim_start_matches('k').parse().unwrap();
        assert!(paths.insert(stored(outcome, &media(n)).location.path));
    }
    assert_eq!(rig.scratch.visible().len(), 20);
}
