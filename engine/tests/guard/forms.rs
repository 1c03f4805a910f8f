//! Every way we know to write "this machine" or "the inside of this network" in a URL.

use std::collections::BTreeMap;

use warmpath_engine::http::guard::{Guard, Refusal, Url};

use super::rig::*;

/// Hostile forms and why each is refused, by what they try. `{P}` is the port of a listener on every address of this machine, open
/// by policy; every name resolves to that machine. The tests of the whole door read the same list.
pub fn forms() -> Vec<(String, String)> {
    let groups: BTreeMap<String, Vec<(String, String)>> = serde_json::from_str(include_str!("forms.json")).unwrap();
    groups.into_values().flatten().collect()
}

/// The word of a refusal in [`FORMS`].
fn word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Length => "length",
        Refusal::Character => "character",
        Refusal::Scheme => "scheme",
        Refusal::Userinfo => "userinfo",
        Refusal::Host => "host",
        Refusal::Name => "name",
        Refusal::Port => "port",
        Refusal::Address(purpose) => purpose,
        other => unreachable!("{other:?} is not about a form"),
    }
}

#[tokio::test]
async fn no_form_of_a_url_leads_to_this_machine() {
    let forms = forms();
    assert!(forms.len() >= 120, "{}", forms.len());
    let wire = Tripwire::start().await;
    let resolver = Liar::new(&[("*", &[&["127.0.0.1", "::1", "0.0.0.0"]])]);
    let options = open(wire.port, &[]);
    let fetcher = fetcher(&options, resolver.clone());
    for (form, why) in &forms {
        let url = form.replace("{P}", &wire.port.to_string());
        let error = get(&fetcher, &url).await.expect_err(&url);
        assert_eq!(code(&error), "URL_REFUSED", "{url:?}: {error}");
        match fetcher.guard().check(&url) {
            Err(refusal) => assert_eq!(word(refusal), why, "{url:?}"),
            // The form is right, and so it is the address behind the name.
            Ok(_) => {
                assert!(error.message.contains("(loopback)") || error.message.contains("(this network)"), "{error}");
            }
        }
        assert!(url.len() < 8 || !error.message.contains(&url), "{error}");
    }
    assert_eq!(wire.accepted().await, 0);
    // The wire does trip, the port is open and the resolver answers: what kept them out was the policy.
    let allowed = open(wire.port, &["127.0.0.0/8", "::1"]);
    let fetcher = super::rig::fetcher(&allowed, resolver);
    for url in ["http://127.0.0.1:{P}/", "http://localtest.me:{P}/"] {
        let url = url.replace("{P}", &wire.port.to_string());
        assert_eq!(code(&get(&fetcher, &url).await.unwrap_err()), "DOWNLOAD_FAILED");
    }
    assert_eq!(wire.accepted().await, 2);
}

#[test]
fn what_is_refused_by_default_is_an_option() {
    let check = |options: &str, url: &str| {
        let options = serde_json::from_str(options).unwrap();
        Guard::new(&options).unwrap().check(url).map(|url| url.to_string())
    };
    let fine = "https://cdn.example.com/a.jpg";
    assert_eq!(check("{}", fine), Ok(fine.to_owned()));
    assert_eq!(check("{}", "https://cdn.example.com:80/"), Ok("https://cdn.example.com:80/".to_owned()));
    assert_eq!(check("{}", "http://cdn.example.com/"), Err(Refusal::Scheme));
    assert!(check(r#"{"http":true}"#, "http://cdn.example.com/").is_ok());
    assert_eq!(check("{}", "https://a.de:8443/"), Err(Refusal::Port));
    assert!(check(r#"{"ports":[8443]}"#, "https://a.de:8443/").is_ok());
    let own = r#"{"allow":["files.internal","minio:9000","10.1.0.0/16"]}"#;
    assert!(check(own, "https://files.internal/").is_ok());
    assert_eq!(check(own, "https://files.internal:9000/"), Err(Refusal::Port));
    assert!(check(own, "https://minio:9000/").is_ok());
    assert_eq!(check(own, "https://minio/"), Err(Refusal::Name));
    assert!(check(own, "https://10.1.2.3/").is_ok());
    assert_eq!(check(own, "https://10.2.0.1/"), Err(Refusal::Address("private")));
    let denied = r#"{"allow":["10.0.0.0/8"],"deny":["10.9.0.0/16","8.8.8.8"]}"#;
    assert!(check(denied, "https://10.1.2.3/").is_ok());
    assert_eq!(check(denied, "https://10.9.2.3/"), Err(Refusal::Denied));
    assert_eq!(check(denied, "https://8.8.8.8/"), Err(Refusal::Denied));
    for bad in [r#"{"allow":["*.a.de"]}"#, r#"{"deny":["a.de"]}"#, r#"{"allow":["10.0.0.1/8"]}"#] {
        let error = Guard::new(&serde_json::from_str(bad).unwrap()).unwrap_err();
        assert_eq!(code(&error), "INVALID_OPTION");
        assert!(error.message.contains("[0]"), "{error}");
    }
}

#[test]
fn no_redirect_gives_the_encryption_up() {
    let guard = Guard::new(&serde_json::from_str(r#"{"http":true}"#).unwrap()).unwrap();
    let url = |text: &str| Url::parse(text).unwrap();
    let (secure, plain) = (url("https://a.de/"), url("http://a.de/"));
    assert_eq!(guard.check_redirect(&secure, &plain), Err(Refusal::Downgrade));
    for (from, to) in [(&secure, &secure), (&plain, &secure), (&plain, &plain)] {
        assert_eq!(guard.check_redirect(from, to), Ok(()));
    }
    assert_eq!(guard.check_redirect(&secure, &url("https://10.0.0.1/")), Err(Refusal::Address("private")));
}
