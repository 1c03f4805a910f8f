use super::*;

#[test]
fn the_last_step_is_the_last() {
    let ring = Ring::<()>::new(usize::MAX);
    ring.step.store(STEPS as u64 - 1, Ordering::Relaxed);
    assert!(ring.push(()).is_ok());
    assert!(!ring.grow());
    assert_eq!((ring.len(), ring.pop()), (1, Some(())), "what is in it stays in it");
}
