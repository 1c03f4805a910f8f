//! What a caller, or a remote side, could smuggle through. That no secret gets into an outcome is asserted for every test by
//! the rig.

use super::rig::*;

/// form-data#609, CVE-2025-7783: a name must not end its own header.
#[tokio::test]
async fn a_file_name_stays_inside_its_header() {
    let rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await;
    let rig = rig.with("fileName", "a\"\r\ncontent-type: text/html\r\n\r\n<b>\u{202e}gpj.exe");
    rig.succeeds(1).await;
    let post = &rig.telegram.seen()[0];
    let text = String::from_utf8_lossy(&post.body).into_owned();
    assert_eq!(text.matches("\r\ncontent-type: ").count(), 1);
    assert!(text.contains("filename=\"a%22content-type: text/html<b>gpj.exe\"\r\n"), "{}", &text[..600]);
}

#[tokio::test]
async fn a_stored_content_type_that_is_none_is_not_passed_on() {
    let rig =
        Rig::new(|_, _| vec![http("200 OK", &[ETAG, ("content-type", "image/jpeg\tx: y")], media())], |r, _| accept(r))
            .await;
    rig.succeeds(1).await;
    assert!(String::from_utf8_lossy(&rig.telegram.seen()[0].body).contains("\r\ncontent-type: image/jpeg\r\n\r\n"));
}

/// A caption with the boundary's look is still a caption: the boundary has 192 random bits.
#[tokio::test]
async fn a_caption_cannot_end_its_part() {
    let caption = "--warmpath-\r\ncontent-disposition: form-data; name=\"chat_id\"\r\n\r\n666\r\n--warmpath---";
    let rig = Rig::new(|r, _| object(r), |r, _| accept(r)).await.with("caption", caption);
    rig.succeeds(1).await;
    let post = &rig.telegram.seen()[0];
    let boundary = post.headers["content-type"].split_once("boundary=").unwrap().1.to_owned();
    assert!(boundary.len() > 50 && !caption.contains(&boundary));
    assert_eq!(post.field("chat_id").as_deref(), Some("42"), "the first one counts, and it is ours");
}

#[tokio::test]
async fn a_server_that_echoes_the_token_does_not_get_it_into_the_outcome() {
    // The rig refuses any outcome with the token in it.
    let rig = Rig::new(
        |r, _| object(r),
        |r, _| {
            let echo = json!({ "description": format!("Not Found: {}", r.target) });
            vec![Act::ReadBody, refusal(404, &echo)]
        },
    )
    .await;
    let outcome = rig.fails("TELEGRAM_UNAUTHORIZED").await;
    assert!(outcome.error.unwrap().message.contains("Not Found: /bot"), "the echo must have come through");
}
