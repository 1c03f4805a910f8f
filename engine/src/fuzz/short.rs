//! The short form: every kept input as it is, then changed at random. Not guided by anything, but the same for the same seed
//! everywhere, and done in seconds.
//!
//! `WARMPATH_FUZZ_SEED` is another seed than 1, `WARMPATH_FUZZ_CHANGES` another number of changed inputs for each target.

use std::{
    any::Any,
    env, fs,
    hash::BuildHasher,
    panic::{catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

use fastrand::Rng;
use foldhash::fast::FixedState;

/// Changed inputs for each target.
const CHANGES: u64 = 3000;
const CHANGES_LONG: u64 = 100_000;

/// No input grows beyond this.
const LONGEST: usize = 16 * 1024;

/// Numbers at which sizes, counts and signs go wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    7,
    8,
    16,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000,
    0xFFFF_FFFF_FFFF_FFFF,
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text} is no number")))
}

/// An input that breaks a target, where it came from, and how it broke.
struct Broken {
    input: Vec<u8>,
    origin: String,
    panic: Box<dyn Any + Send>,
}

/// Tries a target with what is kept for it, and with changes of that. What breaks it is written where libFuzzer writes the like.
pub fn run(name: &str, target: fn(&[u8])) {
    let seed = number("WARMPATH_FUZZ_SEED").unwrap_or(1);
    let is_long = env::var("WARMPATH_TEST_LONG").as_deref() == Ok("1");
    let changes = number("WARMPATH_FUZZ_CHANGES").unwrap_or(if is_long { CHANGES_LONG } else { CHANGES });
    eprintln!("{name}: seed {seed}, {changes} changed inputs");
    let Err(broken) = search(name, target, seed, changes) else { return };
    let place = folder().join("artifacts").join(name);
    let file = place.join(format!("short-{:016x}", FixedState::default().hash_one(&broken.input)));
    fs::create_dir_all(&place).and_then(|()| fs::write(&file, &broken.input)).unwrap();
    eprintln!("{name} broke ({}). The input is kept: {}", broken.origin, file.display());
    eprintln!("Mend it, and move that file to fuzz/regressions/{name}/ under a name that says what it is.");
    resume_unwind(broken.panic);
}

fn search(name: &str, target: fn(&[u8]), seed: u64, changes: u64) -> Result<(), Broken> {
    let attempt = |input: &[u8], origin: &dyn Fn() -> String| {
        catch_unwind(|| target(input)).map_err(|panic| Broken { input: input.to_vec(), origin: origin(), panic })
    };
    let kept = kept(name);
    for (file, input) in &kept {
        attempt(input, &|| file.clone())?;
    }
    let words = words(name);
    for round in 0..changes {
        // Each by a seed of its own, so that one can be had again without those before it.
        let mut random = Rng::with_seed(seed << 32 | round);
        let (file, input) = &kept[random.usize(..kept.len())];
        let mut mutant = input.clone();
        for _ in 0..1 << random.u8(..4) {
            change(&mut mutant, &mut random, &words, &kept);
        }
        attempt(&mutant, &|| format!("seed {seed}, round {round}, a change of {file}"))?;
    }
    Ok(())
}

/// The corpus and the regressions of a target, in the order of their names.
fn kept(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> = ["corpus", "regressions"]
        .iter()
        .filter_map(|kind| fs::read_dir(folder().join(kind).join(name)).ok())
        .flat_map(|folder| folder.map(|entry| entry.unwrap().path()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "fuzz/corpus/{name} is empty");
    let named = |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap());
    files.into_iter().map(named).collect()
}

/// The words of a target's dictionary (<https://llvm.org/docs/LibFuzzer.html#dictionaries>).
fn words(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder().join("dictionaries").join(format!("{name}.dict"))).unwrap_or_default();
    let quoted = |line: &str| {
        let (_, rest) = line.split_once('"').filter(|_| !line.starts_with('#'))?;
        Some(unquoted(rest.strip_suffix('"').unwrap_or_else(|| panic!("{name}.dict: {line}"))))
    };
    text.lines().filter_map(|line| quoted(line.trim())).collect()
}

fn unquoted(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, more)) = rest.split_first() {
        rest = more;
        match (byte, more) {
            (b'\\', [b'x', high, low, more @ ..]) => {
                let hex = [*high, *low];
                out.push(u8::from_str_radix(str::from_utf8(&hex).unwrap(), 16).unwrap());
                rest = more;
            }
            (b'\\', [next, more @ ..]) => {
                out.push(*next);
                rest = more;
            }
            _ => out.push(*byte),
        }
    }
    out
}

/// Changes an input in one way.
fn change(data: &mut Vec<u8>, random: &mut Rng, words: &[Vec<u8>], kept: &[(String, Vec<u8>)]) {
    let at = random.usize(..=data.len());
    let some = |random: &mut Rng, data: &[u8]| at..data.len().min(at + (1 << random.u8(..8)));
    match random.u8(..10) {
        0 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.u8(..8)),
        1 => data.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.u8(..)),
        2 => {
            // Sizes and counts are what hurts: all their bytes at once.
            let number = NUMBERS[random.usize(..NUMBERS.len())].wrapping_add(u64::from(random.u8(..3))).wrapping_sub(1);
            let width = 1 << random.u8(..4);
            let bytes = if random.bool() {
                number.to_be_bytes()[8 - width..].to_vec()
            } else {
                number.to_le_bytes()[..width].to_vec()
            };
            data.iter_mut().skip(at).zip(bytes).for_each(|(byte, value)| *byte = value);
        }
        3 => {
            // A number that is written out, or at least what stands there, by another.
            let from = data[..at].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |before| before + 1);
            let to = at + data[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let sign = if random.u8(..4) == 0 { "-" } else { "" };
            let number = format!("{sign}{}", NUMBERS[random.usize(..NUMBERS.len())]);
            data.splice(from..to, number.into_bytes());
        }
        4 => drop(data.drain(some(random, data))),
        5 => {
            let again = data[some(random, data)].to_vec();
            data.splice(at..at, again);
        }
        6 => data.truncate(at),
        7 => {
            let more: Vec<u8> = (0..random.usize(1..8)).map(|_| random.u8(..)).collect();
            data.splice(at..at, more);
        }
        8 if !words.is_empty() => {
            let over = if random.bool() { at } else { data.len().min(at + 4) };
            data.splice(at..over, words[random.usize(..words.len())].iter().copied());
        }
        // The end of another.
        _ => {
            let (_, other) = &kept[random.usize(..kept.len())];
            data.truncate(at);
            data.extend_from_slice(&other[random.usize(..=other.len())..]);
        }
    }
    data.truncate(LONGEST);
}

/// A target that nobody runs finds nothing.
#[test]
fn every_target_has_its_program_and_its_corpus() {
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for (name, _) in super::ALL {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "fuzz/Cargo.toml does not name {name}");
        let program = fs::read_to_string(folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("fuzz::{name}(")), "fuzz_targets/{name}.rs runs another target");
        assert!(!kept(name).is_empty());
    }
    let programs = manifest.matches("\n[[bin]]\n").count();
    assert_eq!(programs, super::ALL.len() + usize::from(cfg!(not(feature = "shrink"))), "a program without a target");
}

/// The search can find something: a target that breaks at one character behind a word, which no kept input has.
#[test]
fn what_is_to_be_found_is_found() {
    let planted: fn(&[u8]) = |data| assert!(!data.windows(3).any(|three| three == b"ok!"), "found");
    let broken = search("answer", planted, 1, 20_000).expect_err("nothing was found");
    assert!(broken.origin.contains("round") && broken.input.windows(3).any(|three| three == b"ok!"));
}
