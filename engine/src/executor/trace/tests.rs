//! What a try remembers of itself, on a clock that is moved by hand.

use std::sync::Arc;

use tokio::time::advance;

use super::*;
use crate::error::Code;

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[tokio::test(start_paused = true)]
async fn the_times_of_a_try_add_up() {
    let submitted = Instant::now();
    advance(ms(3)).await;
    let trace = Trace::new();
    advance(ms(10)).await;
    trace.opened();
    let unread = trace.timings(submitted);
    assert_eq!((unread.queue, unread.download, unread.upload, unread.answer), (3.0, 10.0, 0.0, 0.0));
    advance(ms(20)).await;
    trace.read();
    advance(ms(30)).await;
    let unsent = trace.timings(submitted);
    assert_eq!((unsent.upload, unsent.answer), (50.0, 0.0));
    trace.sent();
    advance(ms(40)).await;
    let all = trace.timings(submitted);
    assert_eq!((all.queue, all.download, all.upload, all.answer, all.total), (3.0, 30.0, 50.0, 40.0, 103.0));
    assert_eq!(trace.learned().sent_after, Some(ms(60)));
}

#[tokio::test(start_paused = true)]
async fn another_request_of_the_same_try_knows_nothing_of_the_last() {
    let trace = Trace::new();
    let start = trace.last_moved();
    advance(ms(5)).await;
    trace.opened();
    trace.read();
    trace.sent();
    trace.fail(Error::new(Code::Internal, "x"));
    trace.again();
    assert!(!trace.is_sent() && trace.failure().is_none());
    assert_eq!(trace.last_moved() - start, ms(5));
    advance(ms(5)).await;
    let timings = trace.timings(start);
    assert_eq!((timings.download, timings.upload, timings.answer), (10.0, 0.0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_request_hears_that_it_was_sent() {
    let trace = Arc::new(Trace::new());
    let waiting = tokio::spawn({
        let trace = Arc::clone(&trace);
        async move { trace.until_sent().await }
    });
    advance(ms(1)).await;
    assert!(!waiting.is_finished());
    trace.sent();
    waiting.await.unwrap();
    // And who comes late does not wait at all.
    tokio::time::timeout(ms(1), trace.until_sent()).await.unwrap();
}

#[test]
fn what_moved_is_added_up() {
    let trace = Trace::new();
    trace.moved_in(3);
    trace.moved_in(4);
    trace.moved_out(5);
    trace.resumed(2);
    trace.reading(true);
    assert_eq!((trace.bytes_in(), trace.bytes_out(), trace.resumes(), trace.is_reading()), (7, 5, 2, true));
}

#[test]
fn the_first_error_that_ended_the_body_is_the_one_to_tell() {
    let trace = Trace::new();
    assert!(trace.failure().is_none());
    trace.fail(Error::new(Code::DownloadFailed, "first"));
    trace.fail(Error::new(Code::Internal, "second"));
    assert_eq!(trace.failure().map(|error| error.code), Some(Code::DownloadFailed));
}
