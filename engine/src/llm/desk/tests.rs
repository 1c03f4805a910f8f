use serde_json::{Value, json};

use super::*;
use crate::llm::CircuitState;

const HOLD: Duration = Duration::from_secs(5);

fn at(ms: u64) -> Tick {
    Tick::START.after(Duration::from_millis(ms))
}

fn desk(options: &Value) -> Desk {
    let mut all = json!({ "apiKey": "k", "baseUrl": "http://x", "models": ["a"] });
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    Desk::new(&serde_json::from_value(all).unwrap(), 7)
}

fn names(models: &[&str]) -> Vec<String> {
    models.iter().map(|name| (*name).to_owned()).collect()
}

/// One who comes and, where he is told to wait, comes again with his ticket.
#[derive(Default)]
struct Guest(Option<Ticket>);

impl Guest {
    fn comes(&mut self, desk: &mut Desk, models: &[&str], now: u64) -> Result<Going, (Code, u64)> {
        let wait = |error: Error| (error.code, u64::try_from(error.retry_after.unwrap().as_millis()).unwrap());
        desk.admit(&names(models), 0, |completion| completion, &mut self.0, HOLD, at(now)).map_err(wait)
    }
}

fn answers(desk: &mut Desk, going: &Going, tokens: u64, now: u64) {
    let usage =
        Usage { requests: 1, completion_tokens: tokens, total_tokens: tokens, cost: Some(0.5), ..Usage::default() };
    assert_eq!(desk.ended(going, &End::Completed(&usage, Some(&going.model)), at(now)), None);
}

fn fails(desk: &mut Desk, going: &Going, error: &Error, now: u64) -> Option<Duration> {
    desk.ended(going, &End::Failed(error, None), at(now))
}

#[test]
fn who_has_to_wait_gets_a_place_of_his_own() {
    let mut desk = desk(&json!({ "limits": { "requests": { "limit": 2, "periodMs": 1000 } } }));
    let mut guests: Vec<Guest> = (0..6).map(|_| Guest::default()).collect();
    let told: Vec<u64> =
        guests.iter_mut().map(|guest| guest.comes(&mut desk, &["a"], 0).map_or_else(|(_, wait)| wait, |_| 0)).collect();
    assert_eq!(told, [0, 0, 1000, 1000, 2000, 2000]);
    // Too early: the place is kept, and not booked twice.
    assert_eq!(guests[4].comes(&mut desk, &["a"], 500).unwrap_err(), (Code::LlmThrottled, 1500));
    for (guest, now) in guests[2..].iter_mut().zip([1000, 1000, 2000, 2000]) {
        assert!(guest.comes(&mut desk, &["a"], now).is_ok());
    }
    assert_eq!(Guest::default().comes(&mut desk, &["a"], 2000).unwrap_err().1, 1000);
}

#[test]
fn a_wait_that_nobody_keeps_is_not_booked() {
    let mut desk = desk(&json!({ "limits": { "requests": { "limit": 1, "periodMs": 60_000 } } }));
    assert!(Guest::default().comes(&mut desk, &["a"], 0).is_ok());
    for _ in 0..3 {
        let mut guest = Guest::default();
        assert_eq!(guest.comes(&mut desk, &["a"], 0).unwrap_err(), (Code::LlmThrottled, 60_000));
        assert!(guest.0.is_none());
    }
}

#[test]
fn estimates_learn_from_answers() {
    let mut desk = desk(&json!({ "limits": { "tokens": { "limit": 1000, "periodMs": 60_000 } } }));
    // A first answer is taken to be of 500 tokens: two fit in at once.
    let first = Guest::default().comes(&mut desk, &["a"], 0).unwrap();
    let second = Guest::default().comes(&mut desk, &["a"], 0).unwrap();
    assert!(Guest::default().comes(&mut desk, &["a"], 0).is_err());
    answers(&mut desk, &first, 50, 1);
    answers(&mut desk, &second, 50, 1);
    // Two guests' 100, and 410, then 338 tokens as the mean has it.
    let third = Guest::default().comes(&mut desk, &["a"], 2).unwrap();
    answers(&mut desk, &third, 50, 3);
    assert!(Guest::default().comes(&mut desk, &["a"], 4).is_ok());
    assert_eq!(desk.usage().cost, Some(1.5));
}

#[test]
fn what_was_refused_cost_nothing_and_what_broke_off_may_have() {
    let limits = json!({ "limits": { "tokens": { "limit": 600, "periodMs": 60_000 } } });
    for (code, room) in [(Code::LlmThrottled, true), (Code::LlmRejected, true), (Code::LlmTimeout, false)] {
        let mut desk = desk(&limits);
        let going = Guest::default().comes(&mut desk, &["a"], 0).unwrap();
        fails(&mut desk, &going, &Error::new(code, "x").retry_after(Some(Duration::ZERO)), 1);
        assert_eq!(Guest::default().comes(&mut desk, &["a"], 2).is_ok(), room, "{code:?}");
    }
}

#[test]
fn unnamed_waits_double_and_are_forgotten_with_an_answer() {
    let mut desk = desk(&json!({}));
    let error = Error::new(Code::LlmThrottled, "x");
    let mut now = 0;
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        let going = Guest::default().comes(&mut desk, &["a"], now).unwrap();
        let wait = fails(&mut desk, &going, &error, now).unwrap();
        let floor = Duration::from_secs(seconds);
        assert!(wait >= floor && wait <= floor.mul_f64(1.1) + Duration::from_millis(20), "{wait:?}");
        assert_eq!(
            Guest::default().comes(&mut desk, &["a"], now + seconds * 1000 - 1).unwrap_err().0,
            Code::LlmThrottled
        );
        now += seconds * 1000;
    }
    let going = Guest::default().comes(&mut desk, &["a"], now).unwrap();
    answers(&mut desk, &going, 1, now);
    let going = Guest::default().comes(&mut desk, &["a"], now).unwrap();
    assert!(fails(&mut desk, &going, &error, now).unwrap() < Duration::from_secs(2));
}

#[test]
fn the_first_that_is_open_is_asked_and_the_others_are_named_behind_it() {
    let mut desk = desk(&json!({ "circuit": { "failures": 1, "cooldownMs": 10_000 } }));
    let all = ["a", "b", "c"];
    let going = Guest::default().comes(&mut desk, &all, 0).unwrap();
    assert_eq!((going.model.as_str(), going.models.len()), ("a", 3));
    fails(&mut desk, &going, &Error::new(Code::LlmUnavailable, "x"), 0);
    let going = Guest::default().comes(&mut desk, &all, 1).unwrap();
    assert_eq!(going.models, names(&["b", "c"]));
    fails(&mut desk, &going, &Error::new(Code::LlmThrottled, "x").retry_after(Some(Duration::from_secs(2))), 1);
    let going = Guest::default().comes(&mut desk, &all, 2).unwrap();
    assert_eq!(going.models, names(&["c"]));
    fails(&mut desk, &going, &Error::new(Code::LlmTimeout, "x"), 2);
    // None is left: the first of them that comes back says when.
    let (code, wait) = Guest::default().comes(&mut desk, &all, 3).unwrap_err();
    assert_eq!(code, Code::LlmThrottled);
    assert!((1998..=2200).contains(&wait), "{wait}");
    let (code, _) = Guest::default().comes(&mut desk, &["a"], 3).unwrap_err();
    assert_eq!(code, Code::LlmCircuitOpen);
}

#[test]
fn an_answer_of_another_model_says_nothing_of_the_first() {
    let mut desk = desk(&json!({ "circuit": { "failures": 1, "cooldownMs": 1000 } }));
    let going = Guest::default().comes(&mut desk, &["a", "b"], 0).unwrap();
    fails(&mut desk, &going, &Error::new(Code::LlmUnavailable, "x"), 0);
    let going = Guest::default().comes(&mut desk, &["a", "b"], 2000).unwrap();
    assert_eq!(going.model, "a");
    desk.ended(&going, &End::Completed(&Usage::NONE, Some("b")), at(2001));
    assert_eq!(desk.models(at(2001))["a"].circuit, CircuitState::HalfOpen);
}

#[test]
fn who_left_before_the_end_lets_the_next_one_find_out() {
    let mut desk = desk(&json!({ "circuit": { "failures": 1, "cooldownMs": 1000 } }));
    let going = Guest::default().comes(&mut desk, &["a"], 0).unwrap();
    fails(&mut desk, &going, &Error::new(Code::LlmUnavailable, "x"), 0);
    let probe = Guest::default().comes(&mut desk, &["a"], 2000).unwrap();
    assert_eq!(Guest::default().comes(&mut desk, &["a"], 2000).unwrap_err().0, Code::LlmCircuitOpen);
    desk.ended(&probe, &End::Dropped, at(2001));
    assert!(Guest::default().comes(&mut desk, &["a"], 2001).is_ok());
}

/// A ticket is for a model; when that is closed meanwhile, its holder asks anew.
#[test]
fn a_ticket_for_a_closed_model_is_no_ticket() {
    let limits = json!({ "requests": { "limit": 1, "periodMs": 1000 } });
    let mut desk = desk(&json!({ "limits": limits, "circuit": { "failures": 1, "cooldownMs": 60_000 } }));
    let going = Guest::default().comes(&mut desk, &["a", "b"], 0).unwrap();
    let mut waits = Guest::default();
    assert_eq!(waits.comes(&mut desk, &["a", "b"], 0).unwrap_err().1, 1000);
    fails(&mut desk, &going, &Error::new(Code::LlmUnavailable, "x"), 500);
    let (code, wait) = waits.comes(&mut desk, &["a", "b"], 1000).unwrap_err();
    assert_eq!((code, wait), (Code::LlmThrottled, 1000), "a place at the other model, behind its own lost one");
    assert_eq!(waits.comes(&mut desk, &["a", "b"], 2000).unwrap().model, "b");
}

#[test]
fn jobs_that_name_models_of_their_own_do_not_fill_the_memory() {
    let mut desk = desk(&json!({}));
    for n in 0..3 * MOST_MODELS {
        Guest::default().comes(&mut desk, &[&n.to_string()], 0).unwrap();
    }
    assert!(desk.models(at(0)).len() <= MOST_MODELS);
}
