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
        3 => (0..12_u8).prop_map(Op::Has),
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
    ]
}

fn options() -> impl Strategy<Value = Options> {
    let capacity = prop_oneof![1 => Just(0), 3 => 1..4_usize, 4 => 4..12_usize, 4 => 12..50_usize];
    let when_full = prop_oneof![Just(WhenFull::Reject), Just(WhenFull::DropOldest), Just(WhenFull::DropLowest)];
    (capacity, when_full).prop_map(|(capacity, when_full)| Options::new(capacity).when_full(when_full))
}

fn count(expected: &mut Stats, answer: &Answer, op: &Op) {
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

fn run(options: Options, history: &[Step], close_at: usize) {
    let queue = Queue::with_options(options);
    let mut model = Model::new(&options);
    let mut stats = Stats::default();
    let mut items = 0;
    let mut numbered = |op: &Op| match *op {
        Op::Push { key, priority, .. } => {
            items += 1;
            Op::Push { item: items, key, priority }
        }
        ref op => op.clone(),
    };
    for (at, step) in history.iter().enumerate() {
        if at == close_at {
            assert_eq!(call(&queue, &Op::Close), model.call(&Op::Close));
        }
        match step {
            Step::One(op) => {
                let op = numbered(op);
                let expected = model.call(&op);
                assert_eq!(call(&queue, &op), expected, "{op:?}");
                count(&mut stats, &expected, &op);
            }
            Step::PushMany(ops) => {
                let (mut entries, mut left) = (Vec::new(), Vec::new());
                let (mut answers, mut dropped) = (Vec::new(), Vec::new());
                let (mut expected_answers, mut expected_dropped) = (Vec::new(), Vec::new());
                for op in ops.iter().map(&mut numbered) {
                    let Op::Push { item, key, priority } = op else { continue };
                    let entry = Entry { item, key: key.map(name), priority };
                    let expected = model.call(&op);
                    count(&mut stats, &expected, &op);
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
                let mut expected = vec![0];
                while expected.len() <= *max
                    && let Answer::Item(Some(item)) = model.call(&Op::Pop)
                {
                    expected.push(item);
                }
                assert_eq!(out, expected);
                assert_eq!(taken, expected.len() - 1);
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
