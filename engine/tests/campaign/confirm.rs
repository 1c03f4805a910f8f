//! Parts that are recorded before the next one is sent.

use crate::rig::*;

const PARTS: [&str; 2] = ["Oi, Ana!", "Tudo bem?"];

#[tokio::test]
async fn the_next_part_waits_for_the_one_before() {
    let rig = Rig::webhook(always(ok)).await.with("/confirmParts", true);
    let running = rig.start();
    running.executor.submit_many([deliver(&PARTS, &json!({}))]);
    for part in 0..2 {
        let events = running.next_parts().await;
        assert_eq!(events.iter().map(|event| event.part).collect::<Vec<_>>(), [part]);
        assert_eq!(rig.posted().len(), part + 1, "the next one is not on its way");
        assert!(!running.events.confirm("d", part + 1), "not that part");
        assert!(!running.events.confirm("other", part), "not that job");
        assert!(running.events.confirm("d", part));
        assert!(!running.events.confirm("d", part), "once");
    }
    assert!(running.next().await.error.is_none());
}

#[tokio::test]
async fn a_job_that_is_stopped_while_it_waits_leaves_no_doubt() {
    let rig = Rig::webhook(always(ok)).await.with("/confirmParts", true);
    let running = rig.start();
    running.executor.submit_many([deliver(&PARTS, &json!({}))]);
    running.next_parts().await;
    assert!(running.executor.cancel("d"));
    let error = running.next().await.error.unwrap();
    assert_eq!(error.code, "ERR_WARMPATH_CANCELLED");
    assert_eq!(serde_json::to_value(error.certainty).unwrap(), "not-sent");
    assert!(!running.events.confirm("d", 0), "nobody waits any more");
}
