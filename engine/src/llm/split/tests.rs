use super::*;

/// The text without white space: what no split may change.
fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// What holds of every split of every text.
fn check(text: &str, parts: &[&str], max: usize) {
    assert_eq!(letters(text), letters(&parts.concat()), "nothing is lost, added or moved");
    let bounds: std::collections::HashSet<usize> =
        text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
    let longest = text.graphemes(true).map(units).max().unwrap_or(0);
    for part in parts {
        assert!(units(part) <= max, "{} units", units(part));
        assert!(!part.is_empty());
        assert_eq!(trim(part), *part);
        if longest <= max {
            // A slice of the text itself: its place is that of its first byte.
            let at = part.as_ptr() as usize - text.as_ptr() as usize;
            assert!(bounds.contains(&at) && bounds.contains(&(at + part.len())), "a grapheme was cut: {part:?}");
        }
    }
}

/// Words of four scripts, emoji that are several code points, links, and everything that separates them.
fn random_text(random: &mut fastrand::Rng, words: usize) -> String {
    const PIECES: [&[&str]; 6] = [
        &["Olá", "você", "João", "não", "é", "Sr.", "amanhã", "R$ 1.234,56", "Dr.", "café", "cafe\u{301}", "a", "3.14"],
        &["Привет", "мир", "завтра", "ёлка", "г.", "Москва", "й", "и\u{306}"],
        &["مرحبا", "بالعالم", "غدًا", "السَّلَامُ", "كيف", "؟"],
        &["你好", "世界。", "明天见！", "こんにちは", "東京、", "ありがとう。", "が", "か\u{3099}"],
        &["😀", "👨‍👩‍👧‍👦", "🇧🇷🇺🇸", "👍🏽", "❤️", "🏳️‍🌈", "1️⃣", "a\u{300}\u{301}\u{302}", "\u{301}"],
        &[
            "https://example.com/a/b?c=d&e=%F0%9F%98%80#f",
            "www.exemplo.com.br",
            "a@b.co",
            "«ok»",
            "(…)",
            "—",
            "\u{200d}",
        ],
    ];
    const BETWEEN: [&str; 14] =
        [" ", " ", " ", " ", ". ", ", ", "! ", "\n", "\n\n", "\r\n", "\r\n\r\n", "\u{a0}", "", "\u{2003}"];
    let mut text = String::new();
    for _ in 0..words {
        let script = PIECES[random.usize(..PIECES.len())];
        text.push_str(script[random.usize(..script.len())]);
        text.push_str(BETWEEN[random.usize(..BETWEEN.len())]);
    }
    text
}

/// 500 texts; with `WARMPATH_TEST_LONG` 10,000.
#[test]
fn random_texts_lose_nothing_and_no_grapheme_is_cut() {
    let texts = if std::env::var_os("WARMPATH_TEST_LONG").is_some() { 10_000 } else { 500 };
    for seed in 0..texts {
        let mut random = fastrand::Rng::with_seed(seed);
        let words = random.usize(1..400);
        let text = random_text(&mut random, words);
        let max = if random.bool() { MAX_CHARS } else { random.usize(20..400) };
        let parts = split(&text, max);
        check(&text, &parts, max);
        // What was split stays split: and an answer that says the same is taken as it is.
        if (1..=100).contains(&parts.len()) {
            let answer = serde_json::json!({ "parts": parts }).to_string();
            assert_eq!(parse(&answer, &text, max), Parsed { parts, fallback: None }, "seed {seed}");
        }
    }
}

/// An answer that cuts anywhere, says it with other white space, or is spoilt: never another text.
#[test]
fn whatever_an_llm_answers_the_text_is_the_original() {
    for seed in 0..500 {
        let mut random = fastrand::Rng::with_seed(seed);
        let words = random.usize(1..60);
        let text = random_text(&mut random, words);
        let mut chars: Vec<char> = text.chars().collect();
        if random.u8(..4) == 0 {
            let at = random.usize(..chars.len());
            match random.u8(..3) {
                0 => drop(chars.remove(at)),
                1 => chars.insert(at, 'x'),
                _ => chars.swap(at, 0),
            }
        }
        let mut said = vec![String::new()];
        for char in chars {
            if random.u8(..20) == 0 {
                said.push(String::new());
            }
            let last = said.last_mut().unwrap();
            last.push_str(if char.is_whitespace() && random.bool() { "  " } else { "" });
            last.push(char);
        }
        let parsed = parse(&serde_json::json!({ "messages": said }).to_string(), &text, 200);
        check(&text, &parsed.parts, 200);
    }
}

#[test]
fn the_best_place_near_the_end_is_taken() {
    let split = |text: &str, max| split(text, max).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(split("One two.\n\nThree four five six", 24), ["One two.", "Three four five six"]);
    assert_eq!(
        split("First sentence here. Second, longer sentence", 30),
        ["First sentence here.", "Second, longer sentence"]
    );
    assert_eq!(
        split("Falei com o Sr. Silva e a Sra. Costa hoje", 31),
        ["Falei com o Sr. Silva e a Sra.", "Costa hoje"]
    );
    assert_eq!(split("one, two three four five six", 20), ["one, two three four", "five six"]);
    assert_eq!(split("one two three, four five", 20), ["one two three,", "four five"]);
    // A link goes whole to the next part, and is cut only where it is longer than one.
    assert_eq!(split("see https://example.com/abcdef", 27), ["see", "https://example.com/abcdef"]);
    assert_eq!(split("https://example.com/abcdef", 20), ["https://example.com/", "abcdef"]);
    assert_eq!(
        split("今天天气很好。我们去公园散步吧，好不好呢朋友", 20),
        ["今天天气很好。", "我们去公园散步吧，好不好呢朋友"]
    );
}

#[test]
fn sizes_are_in_utf16_and_white_space_at_a_cut_is_free() {
    assert_eq!(split(&"😀".repeat(25), 20), ["😀".repeat(10), "😀".repeat(10), "😀".repeat(5)]);
    assert_eq!(split(&format!("{}{}{}", "a".repeat(20), " ".repeat(50), "b".repeat(20)), 20).len(), 2);
    assert_eq!(split(&"👨‍👩‍👧‍👦".repeat(3), 20), ["👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"]);
}

#[test]
fn nothing_gives_no_part_and_what_fits_is_one() {
    assert!(split(" \n\t\u{a0} ", 20).is_empty());
    assert_eq!(split("  Oi!\n\nTudo bem?  ", 1000), ["Oi!\n\nTudo bem?"]);
}

#[test]
fn a_grapheme_longer_than_a_part_is_cut_between_code_points() {
    let text = format!("e{}", "\u{301}".repeat(100));
    let parts = split(&text, 20);
    assert_eq!(parts.concat(), text);
    assert!(parts.iter().all(|part| units(part) <= 20));
}

#[test]
fn every_unusable_answer_is_named() {
    let original = "Oi, Ana! Tudo bem? 👍🏽";
    let long = serde_json::json!(vec!["x"; 101]).to_string();
    for (answer, why) in [
        ("", Unusable::Json),
        ("Here: [\"Oi\"]", Unusable::Json),
        ("{}", Unusable::Structure),
        ("\"Oi\"", Unusable::Structure),
        ("{\"parts\": \"Oi\"}", Unusable::Structure),
        ("{\"parts\": [1]}", Unusable::Structure),
        ("{\"parts\": [{\"text\": \"Oi\"}]}", Unusable::Structure),
        ("{\"parts\": []}", Unusable::Count),
        (&long, Unusable::Count),
        ("[\"Oi, Ana! Tudo bem? 👍🏽\", \" \"]", Unusable::Empty),
        ("[\"Oi, Ana!\"]", Unusable::Text),
        ("[\"Tudo bem? 👍🏽\", \"Oi, Ana!\"]", Unusable::Text),
        ("[\"Oi, Ana!\", \"Tudo bom? 👍🏽\"]", Unusable::Text),
        ("[\"Oi, Ana! Tudo bem? 👍\", \"🏽\"]", Unusable::Grapheme),
        ("[\"Oi, Ana! Tudo bem? 👍🏽\"]", Unusable::Size),
    ] {
        let max = if why == Unusable::Size { 20 } else { 40 };
        assert_eq!(parse(answer, original, max).fallback, Some(why), "{answer}");
        check(original, &parse(answer, original, max).parts, max);
    }
    for answer in [
        "{\"parts\": [\"Oi, Ana!\", \"Tudo bem? 👍🏽\"]}",
        "{\"messages\": [\"Oi,Ana!\", \" Tudo  bem?\\n👍🏽 \"]}",
        "```json\n[\"Oi, Ana!\", \"Tudo bem? 👍🏽\"]\n```",
        "\n```\n{\"parts\": [\"Oi, Ana!\", \"Tudo bem? 👍🏽\"]}```",
    ] {
        let expected = Parsed { parts: vec!["Oi, Ana!", "Tudo bem? 👍🏽"], fallback: None };
        assert_eq!(parse(answer, original, 20), expected, "{answer}");
    }
}

/// Splitting is linear: a text of a megabyte is no denial of service.
#[test]
fn a_large_text_is_split_at_once() {
    let text = "palavra ".repeat(125_000);
    let parts = split(&text, 1_000);
    assert_eq!(letters(&parts.concat()).len(), 7 * 125_000);
    let answer = serde_json::json!({ "parts": [text] }).to_string();
    assert_eq!(parse(&answer, &text, 2_000_000).fallback, None);
}
