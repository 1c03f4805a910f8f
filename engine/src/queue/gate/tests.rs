use super::*;

#[test]
fn who_wants_the_ring_alone_waits_for_those_inside() {
    let gate = Gate::new(false);
    for side in [Side::Push, Side::Pop] {
        let alone = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let pass = gate.enter(side);
            assert!(pass.is_some());
            scope.spawn(|| {
                gate.shut();
                gate.settle();
                alone.store(true, Ordering::SeqCst);
            });
            while gate.enter(Side::Push).is_some() || gate.enter(Side::Pop).is_some() {
                std::thread::yield_now();
            }
            // The other one has had time enough to go on, had nothing held it.
            for _ in 0..1_000 {
                std::thread::yield_now();
                assert!(!alone.load(Ordering::SeqCst));
            }
            drop(pass);
        });
        assert!(alone.into_inner());
        gate.open();
    }
}
