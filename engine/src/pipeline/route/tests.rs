use super::{super::Otherwise, *};

const MIB: u64 = 1024 * 1024;

/// An object that Telegram may fetch.
const FACTS: Facts<'static> = Facts {
    choice: RouteChoice::Auto,
    kind: Kind::Photo,
    place: Place::Object,
    cached: false,
    trust: Trust::Yes,
    suspended: false,
    len: Some(1000),
    content_type: Some("image/jpeg"),
};

fn go(facts: &Facts<'_>) -> (Route, Reason) {
    match plan(facts).unwrap() {
        Plan::Go(route, reason) => (route, reason),
        Plan::Ask => panic!("undecided: {facts:?}"),
    }
}

#[test]
fn every_row_of_the_table() {
    for (facts, route, reason) in [
        (FACTS, Route::Url, Reason::Direct),
        (Facts { cached: true, ..FACTS }, Route::Cache, Reason::BytesHere),
        (Facts { cached: true, choice: RouteChoice::Stream, ..FACTS }, Route::Cache, Reason::BytesHere),
        (Facts { choice: RouteChoice::Stream, ..FACTS }, Route::Stream, Reason::Requested),
        (Facts { trust: Trust::No, ..FACTS }, Route::Stream, Reason::Unverified),
        (Facts { suspended: true, ..FACTS }, Route::Stream, Reason::Suspended),
        (Facts { kind: Kind::VideoNote, ..FACTS }, Route::Stream, Reason::Kind),
        (Facts { content_type: Some("text/html"), ..FACTS }, Route::Stream, Reason::Kind),
        (Facts { place: Place::LocalFile, ..FACTS }, Route::Stream, Reason::LocalFile),
        (Facts { place: Place::SharedFile, ..FACTS }, Route::File, Reason::LocalServer),
        (Facts { place: Place::SharedFile, choice: RouteChoice::Stream, ..FACTS }, Route::Stream, Reason::LocalFile),
    ] {
        assert_eq!(go(&facts), (route, reason), "{facts:?}");
    }
}

#[test]
fn sizes_at_their_edges() {
    for (kind, content_type, most) in [
        (Kind::Photo, "image/jpeg", 5 * MIB),
        (Kind::Video, "video/mp4", 20 * MIB),
        (Kind::Audio, "audio/mpeg", 20 * MIB),
        (Kind::Voice, "audio/ogg; codecs=opus", MIB),
        (Kind::Animation, "image/gif", 20 * MIB),
        (Kind::Document, "application/pdf", 20 * MIB),
        (Kind::Sticker, "Image/WebP", 20 * MIB),
    ] {
        let of = |len| go(&Facts { kind, content_type: Some(content_type), len: Some(len), ..FACTS });
        assert_eq!(of(most), (Route::Url, Reason::Direct), "{kind:?}");
        assert_eq!(of(most + 1), (Route::Stream, Reason::Size), "{kind:?}");
    }
}

#[test]
fn a_document_is_fetched_for_two_types_only() {
    for (content_type, fetched) in [
        ("application/pdf", true),
        ("application/zip", true),
        ("image/gif", false),
        ("video/mp4", false),
        ("application/octet-stream", false),
    ] {
        let (route, _) = go(&Facts { kind: Kind::Document, content_type: Some(content_type), ..FACTS });
        assert_eq!(route == Route::Url, fetched, "{content_type}");
    }
}

#[test]
fn the_store_is_asked_only_where_the_answer_decides() {
    for facts in [
        Facts { len: None, ..FACTS },
        Facts { content_type: None, ..FACTS },
        Facts { trust: Trust::IfUnchanged, ..FACTS },
    ] {
        assert_eq!(plan(&facts).unwrap(), Plan::Ask);
        for (decided, reason) in [
            (Facts { trust: Trust::No, ..facts }, Reason::Unverified),
            (Facts { kind: Kind::VideoNote, ..facts }, Reason::Kind),
            (Facts { choice: RouteChoice::Stream, ..facts }, Reason::Requested),
        ] {
            assert_eq!(go(&decided), (Route::Stream, reason));
        }
    }
}

#[test]
fn the_url_route_alone_refuses_what_it_cannot_do_and_needs_no_bytes() {
    let only = Facts { choice: RouteChoice::Url, ..FACTS };
    assert_eq!(go(&Facts { cached: true, suspended: true, ..only }), (Route::Url, Reason::Direct));
    for (facts, code) in [
        (Facts { len: Some(6 * MIB), ..only }, Code::TooLarge),
        (Facts { kind: Kind::VideoNote, ..only }, Code::InvalidJob),
        (Facts { place: Place::LocalFile, ..only }, Code::InvalidJob),
        (Facts { place: Place::SharedFile, ..only }, Code::InvalidJob),
    ] {
        assert_eq!(plan(&facts).unwrap_err().code, code);
    }
}

const FAIL: Policy = Policy {
    on_too_large: Otherwise::Fail,
    on_rejected: Otherwise::Fail,
    accept_other_kind: false,
    on_large_photo: None,
    probe: true,
    faststart: true,
};
const DOCUMENT: Policy = Policy { on_rejected: Otherwise::Document, ..FAIL };

fn call(route: Route) -> Call {
    Call {
        chat_id: "-5".to_owned(),
        kind: Kind::Photo,
        kind_reason: None,
        route,
        reason: Reason::Direct,
        nonce: false,
        migrated: None,
    }
}

fn refused(cause: Cause) -> Refused {
    Refused { error: Error::new(Code::TelegramRejected, "x"), cause }
}

#[test]
fn a_url_is_tried_with_a_nonce_and_then_the_bytes_are_sent() {
    let auto = RouteChoice::Auto;
    let second = call(Route::Url).after(&refused(Cause::Reference), auto, FAIL).unwrap();
    assert!(second.nonce && second.route == Route::Url);
    let third = second.after(&refused(Cause::Reference), auto, FAIL).unwrap();
    assert_eq!((third.route, third.reason), (Route::Stream, Reason::Unreachable));
    assert_eq!(third.after(&refused(Cause::Reference), auto, FAIL), None);
    assert_eq!(second.after(&refused(Cause::Reference), RouteChoice::Url, FAIL), None);
    let path = call(Route::File).after(&refused(Cause::Reference), auto, FAIL).unwrap();
    assert_eq!(path.route, Route::Stream);
}

#[test]
fn a_migration_is_followed_once() {
    let moved = call(Route::Stream).after(&refused(Cause::Migrated(-1007)), RouteChoice::Auto, FAIL).unwrap();
    assert_eq!(moved.chat_id, "-1007");
    assert_eq!(moved.migrated, Some(Migrated { from: "-5".to_owned(), to: "-1007".to_owned() }));
    assert_eq!(moved.after(&refused(Cause::Migrated(-1008)), RouteChoice::Auto, FAIL), None);
}

#[test]
fn refused_media_becomes_a_document_only_by_policy_and_once() {
    let by_url = call(Route::Url);
    let photo = by_url.after(&refused(Cause::Media), RouteChoice::Auto, FAIL).unwrap();
    assert_eq!(
        (photo.kind, photo.route, photo.reason),
        (Kind::Photo, Route::Stream, Reason::LargePhoto),
        "seen here first"
    );
    assert_eq!(by_url.after(&refused(Cause::Media), RouteChoice::Url, FAIL), None);
    assert_eq!(photo.after(&refused(Cause::Media), RouteChoice::Auto, FAIL), None);
    let document = photo.after(&refused(Cause::Media), RouteChoice::Auto, DOCUMENT).unwrap();
    assert_eq!((document.kind, document.route), (Kind::Document, Route::Stream));
    assert_eq!(document.kind_reason, Some(KindReason::Rejected));
    assert_eq!(document.after(&refused(Cause::Media), RouteChoice::Auto, DOCUMENT), None);
    assert_eq!(photo.after(&refused(Cause::Other), RouteChoice::Auto, DOCUMENT), None);
}

/// Whatever Telegram answers, a try is a handful of requests.
#[test]
fn every_sequence_of_refusals_ends() {
    for seed in 0..1000_u64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut now = call(if random.bool() { Route::Url } else { Route::File });
        let mut requests = 1;
        loop {
            let cause = match random.u8(0..3) {
                0 => Cause::Migrated(-1),
                1 => Cause::Reference,
                _ => Cause::Media,
            };
            let Some(next) = now.after(&refused(cause), RouteChoice::Auto, DOCUMENT) else { break };
            now = next;
            requests += 1;
        }
        assert!(requests <= 5, "{requests}");
    }
}
