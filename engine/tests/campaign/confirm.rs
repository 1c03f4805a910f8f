//! Parts that are recorded before the next one is sent.

use crate::rig::*;

const PARTS: [&str; 2] = ["Oi, Ana!", "Tudo bem?"];

#[tokio::test]
async fn the_next_part_waits_for_the_one_before() {
    let rig = Rig::webhook(always(ok)).await.with("/confirmParts", true);
    let running = rig.start();
    running.executor.submit_many([deliver(&PARTS, &json!({}))]);
    let events = running.next_parts().await;
    assert_eq!(events.iter().map(|event| event.part).collect::<Vec<_>>(), [0]);
    assert_eq!(rig.posted().len(), 1, "the next one is not on its way");
    assert!(!running.events.confirm("d", 1), "not that part");
    assert!(!running.events.confirm("other", 0), "not that job");
    assert!(running.events.confirm("d", 0));
    assert!(!running.events.confirm("d", 0), "once");
    // The last one waits for nothing.
    assert!(running.next().await.error.is_none());
    assert_eq!(running.parts().len(), 1);
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
