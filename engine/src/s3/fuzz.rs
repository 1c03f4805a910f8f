//! Documents of an object store, and names of files that links answer with.

use super::{
    link::disposition,
    refusal::{code_of, element, refusal, status_of},
    upload::unescape,
};
use crate::{error::Code, http::fuzz::taken_apart};

/// A refusal, an upload that was begun, a list of such; and the whole of it as the name of a file.
pub fn document(data: &[u8]) {
    let (status, _, body) = taken_apart(data);
    let code = code_of(body);
    assert!(code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code:?}");
    for unavailable in [Code::DownloadFailed, Code::S3Unavailable] {
        let error = refusal(status, &code, unavailable);
        assert!(error.message.len() < 512 && !error.message.contains(char::is_control), "{}", error.message);
    }
    assert!(status_of(&code).as_u16() >= 400);
    let text = String::from_utf8_lossy(body);
    for entry in text.split("<Upload>") {
        for tag in ["Key", "UploadId", "ETag"] {
            let Some(found) = element(entry, tag) else { continue };
            assert!(entry.contains(found) && !found.contains(&format!("</{tag}>")));
            let plain = unescape(found);
            assert!(plain.len() <= found.len());
            // What holds no entity holds nothing to change, and what was made of entities is not read a second time: whatever the text
            // is, once written down it is read as it was.
            assert!(found.contains('&') || plain == found);
            assert_eq!(unescape(&found.replace('&', "&amp;")), found);
        }
    }
    let header = disposition(&text);
    assert!(header.bytes().all(|byte| matches!(byte, b' '..=b'~')) && header.matches('"').count() == 2, "{header}");
}
