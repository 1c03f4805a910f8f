//! Against a way that carries so many jobs at full speed: with more, all of them together are no faster.

use super::*;

const BETWEEN: Between = Between { min: 1, max: 64 };
const STEP: Duration = Duration::from_millis(5);

/// Jobs that are always there, on a way that many others may use too.
struct Way {
    adaptive: Adaptive,
    rng: fastrand::Rng,
    now: Tick,
    /// Jobs that it carries at full speed.
    knee: f64,
    /// Failures in a hundred.
    failing: u32,
    /// Sizes, with the time each takes alone.
    sizes: Vec<(u64, Duration)>,
    /// Running jobs: begun, size, work that is left in s.
    running: Vec<(Tick, u64, f64)>,
    done: u32,
}

impl Way {
    fn new(knee: f64, seed: u64) -> Self {
        Self {
            adaptive: Adaptive::new(BETWEEN, Tick::START),
            rng: fastrand::Rng::with_seed(seed),
            now: Tick::START,
            knee,
            failing: 0,
            sizes: vec![(20_000, Duration::from_millis(60)), (1_000_000, Duration::from_millis(250))],
            running: Vec::new(),
            done: 0,
        }
    }

    /// Runs for so long, with as many jobs as may; answers the jobs done, and the mean limit of the second half.
    fn run(&mut self, time: Duration, wanted: usize) -> (u32, f64) {
        let (end, half) = (self.now.after(time), self.now.after(time / 2));
        let (done, mut limits) = (self.done, Vec::new());
        while self.now < end {
            while self.running.len() < self.adaptive.limit().min(wanted) {
                let (size, alone) = self.sizes[self.rng.usize(0..self.sizes.len())];
                // No two are alike: half as long to twice as long.
                let work = alone.as_secs_f64() * 2_f64.powf(self.rng.f64() * 2.0 - 1.0);
                self.running.push((self.now, size, work));
                self.adaptive.started(self.running.len());
            }
            self.now = self.now.after(STEP);
            let speed = (self.knee / to_float(self.running.len())).min(1.0);
            let (adaptive, rng, now, failing) = (&mut self.adaptive, &mut self.rng, self.now, self.failing);
            let before = self.running.len();
            self.running.retain_mut(|(begun, size, left)| {
                *left -= STEP.as_secs_f64() * speed;
                if *left > 0.0 {
                    return true;
                }
                let failed = (rng.u32(0..100) < failing).then(|| Error::new(Code::SendFailed, "x"));
                adaptive.ended(now.since(*begun), Some(*size), failed.as_ref(), now);
                false
            });
            self.done += u32::try_from(before - self.running.len()).unwrap();
            let limit = self.adaptive.limit();
            assert!((BETWEEN.min..=BETWEEN.max).contains(&limit));
            if self.now >= half {
                limits.push(to_float(limit));
            }
        }
        (self.done - done, limits.iter().sum::<f64>() / to_float(limits.len()))
    }

    /// Jobs that it carries in so long.
    fn carries(&self, time: Duration) -> f64 {
        // Of 2^x with x from -1 to 1, the mean is 1.5 / (2 ln 2).
        let each = self.sizes.iter().map(|(_, alone)| alone.as_secs_f64()).sum::<f64>() / to_float(self.sizes.len());
        time.as_secs_f64() * self.knee / (each * 1.082)
    }
}

const TEN_MINUTES: Duration = Duration::from_mins(10);

#[test]
fn it_finds_what_the_way_carries_and_loses_little_on_the_way_there() {
    for seed in 0..10 {
        for knee in [3.0, 8.0, 20.0] {
            let mut way = Way::new(knee, seed);
            let could = way.carries(TEN_MINUTES);
            let (done, limit) = way.run(TEN_MINUTES, usize::MAX);
            assert!(f64::from(done) > 0.93 * could, "seed {seed}, knee {knee}: {done} of {could:.0}");
            assert!(limit > 0.9 * knee && limit < 3.0 * knee, "seed {seed}, knee {knee}: {limit:.1}");
        }
    }
}

#[test]
fn it_follows_a_way_that_becomes_narrow_and_wide_again_and_does_not_drift_in_hours() {
    let mut way = Way::new(16.0, 1);
    let (_, wide) = way.run(TEN_MINUTES, usize::MAX);
    way.knee = 4.0;
    let (_, narrow) = way.run(TEN_MINUTES, usize::MAX);
    assert!(narrow < 0.5 * wide && narrow > 3.0, "{wide:.1}, then {narrow:.1}");
    way.knee = 16.0;
    let (_, again) = way.run(3 * TEN_MINUTES, usize::MAX);
    assert!(again > 14.0, "{again:.1}");
    let (_, later) = way.run(24 * TEN_MINUTES, usize::MAX);
    assert!(later > 14.0 && later < 48.0, "after four hours: {later:.1}");
}

#[test]
fn failures_lower_it_and_their_end_raises_it() {
    let mut way = Way::new(16.0, 2);
    let (_, good) = way.run(TEN_MINUTES, usize::MAX);
    way.failing = 30;
    let (_, bad) = way.run(TEN_MINUTES, usize::MAX);
    assert!(bad < 2.0, "{good:.1}, then {bad:.1}");
    way.failing = 2;
    let (_, again) = way.run(TEN_MINUTES, usize::MAX);
    assert!(again > 14.0, "{again:.1}");
}

/// A limit that nobody has been at is nobody's measurement.
#[test]
fn it_does_not_grow_where_the_slots_are_not_wanted() {
    let mut way = Way::new(1_000.0, 3);
    let (_, limit) = way.run(TEN_MINUTES, 4);
    assert!(limit < 7.0, "{limit:.1}");
    assert!((way.adaptive.measured().slowdown - 1.0).abs() < 0.5);
}

#[test]
fn what_a_refusal_or_a_bots_wait_says_is_not_about_the_way() {
    let mut adaptive = Adaptive::new(BETWEEN, Tick::START);
    for code in [Code::TelegramRejected, Code::TelegramThrottled, Code::TelegramChat, Code::Cancelled, Code::TooLarge] {
        for _ in 0..1_000 {
            adaptive.started(1);
            adaptive.ended(Duration::from_secs(1), None, Some(&Error::new(code, "x")), Tick::START);
        }
    }
    assert_eq!((adaptive.limit(), adaptive.measured().raised), (1, 0));
}

#[test]
fn bounds_that_cannot_be_are_put_right_and_equal_ones_hold_it() {
    for (min, max, limit) in [(0, 0, 1), (7, 3, 7), (5, 5, 5), (4_096, 4_096, 4_096)] {
        let mut adaptive = Adaptive::new(Between { min, max }, Tick::START);
        for round in 0..100_000_u64 {
            adaptive.started(usize::MAX);
            // Whatever is reported, also a try that took no time at all.
            adaptive.ended(Duration::from_nanos(round % 3), Some(round), None, Tick::from_nanos(round));
        }
        assert_eq!(adaptive.limit(), limit);
    }
}

/// What was best before a renewal is what tries are held against until there is a new best.
#[test]
fn a_best_that_is_found_anew_is_held_against_the_one_before() {
    let mut level = Level::NEW;
    for _ in 0..LEVEL_AFTER {
        level.count(100.0);
    }
    assert_eq!((level.count(200.0), level.best), (2.0, 100.0));
    level.renew();
    assert_eq!((level.count(300.0), level.best_before), (3.0, 100.0));
    // Nobody asked meanwhile: nothing is known, and nothing is worse than that.
    level.renew();
    assert_eq!((level.count(300.0), level.best_before), (0.0, f64::INFINITY));
}
