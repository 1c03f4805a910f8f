//! Random histories of one thread: every answer is the model's, and nothing is left behind.

use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};

use super::{
    model::{Answer, Model, Op, call, name},
    *,
};

/// A call of the queue, or of its batches.
#[derive(Clone, Debug)]
enum Step {
    One(Op),
    PushMany(Vec<Op>),
    PopMany(usize),
    PushRun(usize, i32),
    PushKeyedRun(Vec<u8>, i32),
    PopRuns(usize),
}

fn pushes() -> impl Strategy<Value = Op> {
    let priority = prop_oneof![6 => Just(0), 3 => -2..3_i32, 1 => Just(i32::MAX), 1 => Just(i32::MIN)];
    (prop::option::weighted(0.4, 0..12_u8), priority).prop_map(|(key, priority)| Op::Push { item: 0, key, priority })
}

/// Nothing that the ring could not hold: so that it fills, grows and is taken over when it is full.
fn plain() -> impl Strategy<Value = Op> {
    Just(Op::Push { item: 0, key: None, priority: 0 })
}

fn steps() -> impl Strategy<Value = Step> {
    let one = prop_oneof![
        8 => pushes(),
        8 => plain(),
        10 => Just(Op::Pop),
        3 => (0..12_u8).prop_map(Op::Remove),
        3 => (0..40_u8).prop_map(Op::Remove),
        3 => (0..40_u8).prop_map(Op::Has),
        2 => Just(Op::Len),
        1 => Just(Op::Peek),
        1 => Just(Op::Snapshot),
        1 => Just(Op::Clear),
    ];
    prop_oneof![
        20 => one.prop_map(Step::One),
        2 => prop::collection::vec(pushes(), 0..12).prop_map(Step::PushMany),
        2 => prop::collection::vec(plain(), 0..20).prop_map(Step::PushMany),
        2 => (0..20_usize).prop_map(Step::PopMany),
        3 => (0..20_usize, prop_oneof![4 => Just(0), 1 => -1..2_i32])
            .prop_map(|(count, priority)| Step::PushRun(count, priority)),
        3 => (prop::collection::vec(0..40_u8, 0..20), prop_oneof![4 => Just(0), 1 => -1..2_i32])
            .prop_map(|(keys, priority)| Step::PushKeyedRun(keys, priority)),
        2 => (0..20_usize).prop_map(Step::PopRuns),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    let capacity = prop_oneof![1 => Just(0), 3 => 1..4_usize, 4 => 4..12_usize, 4 => 12..50_usize];
    let when_full = prop_oneof![Just(WhenFull::Reject), Just(WhenFull::DropOldest), Just(WhenFull::DropLowest)];
    (capacity, when_full).prop_map(|(capacity, when_full)| Options::new(capacity).when_full(when_full))
}

fn count_answer(expected: &mut Stats, answer: &Answer, op: &Op) {
    match (answer, op) {
        (Answer::Pushed(push), _) => {
            match push.offer {
                Offer::Queued => expected.pushed += 1,
                Offer::Duplicate => expected.duplicates += 1,
                Offer::Full => expected.full += 1,
                Offer::Closed => {}
            }
            expected.dropped += u64::from(push.dropped.is_some());
        }
        (Answer::Item(Some(_)), Op::Pop) => expected.popped += 1,
        (Answer::Item(Some(_)), Op::Remove(_)) => expected.removed += 1,
        (Answer::Items(items), Op::Clear) => expected.removed += items.len() as u64,
        _ => {}
    }
}

/// The call with the next item.
fn numbered(op: &Op, items: &mut u32) -> Op {
    match *op {
        Op::Push { key, priority, .. } => {
            *items += 1;
            Op::Push { item: *items, key, priority }
        }
        ref op => op.clone(),
    }
}

/// Pops of the model, up to `max`.
fn pops(model: &mut Model, max: usize) -> Vec<u32> {
    let pop = || match model.call(&Op::Pop) {
        Answer::Item(item) => item,
        _ => None,
    };
    std::iter::from_fn(pop).take(max).collect()
}

fn run(options: Options, history: &[Step], close_at: usize) {
    let queue = Queue::with_options(options);
    let mut model = Model::new(&options);
    let mut stats = Stats::default();
    let mut items = 0;
    for (at, step) in history.iter().enumerate() {
        if at == close_at {
            assert_eq!(call(&queue, &Op::Close), model.call(&Op::Close));
        }
        match step {
            Step::One(op) => {
                let op = numbered(op, &mut items);
                let expected = model.call(&op);
                assert_eq!(call(&queue, &op), expected, "{op:?}");
                count_answer(&mut stats, &expected, &op);
            }
            Step::PushMany(ops) => {
                let (mut entries, mut left) = (Vec::new(), Vec::new());
                let (mut answers, mut dropped) = (Vec::new(), Vec::new());
                let (mut expected_answers, mut expected_dropped) = (Vec::new(), Vec::new());
                for op in ops.iter().map(|op| numbered(op, &mut items)) {
                    let Op::Push { item, key, priority } = op else { continue };
                    let entry = Entry { item, key: key.map(name), priority };
                    let expected = model.call(&op);
                    count_answer(&mut stats, &expected, &op);
                    let Answer::Pushed(push) = expected else { continue };
                    expected_answers.push(push.offer);
                    expected_dropped.extend(push.dropped);
                    left.extend(push.refused.map(|_| entry.clone()));
                    entries.push(entry);
                }
                queue.push_many(&mut entries, &mut answers, &mut dropped);
                assert_eq!((entries, answers, dropped), (left, expected_answers, expected_dropped));
            }
            Step::PopMany(max) => {
                let mut out = vec![0];
                let taken = queue.pop_many(*max, &mut out);
                let expected = pops(&mut model, *max);
                assert_eq!(out[1..], expected);
                assert_eq!(taken, expected.len());
                stats.popped += taken as u64;
            }
            Step::PushRun(count, priority) => {
                let first = items + 1;
                items += u32::try_from(*count).unwrap();
                // As far as there is room, and not at all once it is closed.
                let Answer::Count(queued) = model.call(&Op::Len) else { unreachable!("a length is a count") };
                let fits = if at >= close_at { 0 } else { options.capacity.saturating_sub(queued).min(*count) };
                let rest = first + u32::try_from(fits).unwrap();
                for item in first..rest {
                    let op = Op::Push { item, key: None, priority: *priority };
                    count_answer(&mut stats, &model.call(&op), &op);
                }
                assert_eq!(queue.push_run(first, *count, *priority), (fits < *count).then(|| (rest, count - fits)));
            }
            Step::PushKeyedRun(keys, priority) => {
                let first = items + 1;
                items += u32::try_from(keys.len()).unwrap();
                let names: Vec<_> = keys.iter().map(|key| name(*key)).collect();
                let ends: Vec<u32> = names
                    .iter()
                    .scan(0, |end, name| {
                        *end += u32::try_from(name.len()).unwrap();
                        Some(*end)
                    })
                    .collect();
                let Answer::Count(queued) = model.call(&Op::Len) else { unreachable!("a length is a count") };
                let mut refused = Vec::new();
                let back = queue.push_keyed_run(first, &names.concat(), &ends, *priority, &mut refused);
                // All or nothing, where there is not room for all.
                if at >= close_at || queued + keys.len() > options.capacity {
                    assert_eq!((back, refused), (Some(first), vec![]));
                } else {
                    let mut expected = Vec::new();
                    for (index, key) in (0_u32..).zip(keys) {
                        let op = Op::Push { item: first + index, key: Some(*key), priority: *priority };
                        let answer = model.call(&op);
                        count_answer(&mut stats, &answer, &op);
                        if matches!(answer, Answer::Pushed(Push { offer: Offer::Duplicate, .. })) {
                            expected.push(index);
                        }
                    }
                    assert_eq!((back, refused), (None, expected));
                }
            }
            Step::PopRuns(max) => {
                let mut out = Vec::new();
                let taken = queue.pop_runs(*max, &mut out);
                let all: Vec<u32> =
                    out.iter().flat_map(|(first, count)| (0..*count as u32).map(move |at| first + at)).collect();
                assert_eq!(all, pops(&mut model, *max));
                assert_eq!(taken, all.len());
                stats.popped += taken as u64;
            }
        }
        queue.core.lock().lanes.audit();
        assert_eq!(Answer::Count(queue.len()), model.call(&Op::Len));
        assert_eq!(queue.stats(), stats);
    }
    assert_eq!(Answer::Items(queue.clear()), model.call(&Op::Clear));
}

fn search(cases: u32, bug: Option<Bug>) -> Result<(), String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let history = (options(), prop::collection::vec(steps(), 1..60), 0..120_usize);
    TestRunner::new(config)
        .run(&history, |(options, history, close_at)| {
            run(options.planted(bug), &history, close_at);
            Ok(())
        })
        .map_err(|error| match error {
            TestError::Abort(reason) | TestError::Fail(reason, _) => reason.to_string(),
        })
}

#[test]
fn every_answer_is_the_models() {
    assert_eq!(search(size(1_500, 100_000), None), Ok(()));
}

/// The test above sees what it is for.
#[test]
fn a_key_that_outlives_its_item_is_caught() {
    let found = search(5_000, Some(Bug::KeyKept)).unwrap_err();
    assert!(found.contains("the index holds every key, and no other"), "{found}");
}

#[test]
fn a_capacity_off_by_one_is_caught() {
    search(5_000, Some(Bug::OneTooMany)).unwrap_err();
}
