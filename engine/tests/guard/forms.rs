//! Every way we know to write "this machine" or "the inside of this network" in a URL.

use warmpath_engine::http::guard::{Guard, Refusal};

use super::rig::*;

/// Hostile forms and why each is refused. `{P}` is the port of a listener on every address of this machine, open by policy;
/// every name resolves to that machine.
pub const FORMS: &[(&str, &str)] = &[
    // Not https, or not plainly so.
    ("file:///etc/passwd", "scheme"),
    ("ftp://127.0.0.1:{P}/", "scheme"),
    ("gopher://127.0.0.1:{P}/_GET", "scheme"),
    ("dict://127.0.0.1:{P}/info", "scheme"),
    ("ldap://127.0.0.1:{P}/", "scheme"),
    ("jar:http://127.0.0.1:{P}!/", "scheme"),
    ("data:text/plain,hello", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("blob:http://127.0.0.1:{P}/", "scheme"),
    ("unix:/var/run/docker.sock", "scheme"),
    ("ws://127.0.0.1:{P}/", "scheme"),
    ("http:127.0.0.1:{P}/", "scheme"),
    ("http:/127.0.0.1:{P}/", "scheme"),
    ("//127.0.0.1:{P}/", "scheme"),
    ("127.0.0.1:{P}/", "scheme"),
    ("http ://127.0.0.1:{P}/", "character"),
    (" http://127.0.0.1:{P}/", "character"),
    ("\thttp://127.0.0.1:{P}/", "character"),
    ("http://127.0.0.1:{P}/\n", "character"),
    ("ht\ntp://127.0.0.1:{P}/", "character"),
    ("http:\\\\127.0.0.1:{P}\\", "character"),
    ("http:/\\127.0.0.1:{P}/", "character"),
    ("http:///127.0.0.1:{P}/", "host"),
    ("http:////127.0.0.1:{P}/", "host"),
    ("", "scheme"),
    // Loopback, in its one form and in its others.
    ("http://127.0.0.1:{P}/", "loopback"),
    ("http://127.0.0.2:{P}/", "loopback"),
    ("http://127.255.255.254:{P}/", "loopback"),
    ("http://127.1:{P}/", "host"),
    ("http://127.0.1:{P}/", "host"),
    ("http://127:{P}/", "host"),
    ("http://0:{P}/", "host"),
    ("http://0.0.0.0:{P}/", "this network"),
    ("http://0.0:{P}/", "host"),
    ("http://0.1.2.3:{P}/", "this network"),
    ("http://2130706433:{P}/", "host"),
    ("http://4294967296:{P}/", "host"),
    ("http://6425673729:{P}/", "host"),
    ("http://0x7f000001:{P}/", "host"),
    ("http://0X7F000001:{P}/", "host"),
    ("http://0x7f.0.0.1:{P}/", "host"),
    ("http://0x7f.0x0.0x0.0x1:{P}/", "host"),
    ("http://0x7f.1:{P}/", "host"),
    ("http://127.0.0.0x1:{P}/", "host"),
    ("http://0x:{P}/", "host"),
    ("http://017700000001:{P}/", "host"),
    ("http://0177.0.0.1:{P}/", "host"),
    ("http://0177.0.0.01:{P}/", "host"),
    ("http://00000177.0.0.1:{P}/", "host"),
    ("http://127.0.0.01:{P}/", "host"),
    ("http://127.000.000.001:{P}/", "host"),
    ("http://127.0.0.1.:{P}/", "host"),
    ("http://127.0.0.1..:{P}/", "host"),
    ("http://127..0.0.1:{P}/", "host"),
    ("http://.127.0.0.1:{P}/", "host"),
    ("http://127.0.0.1.2:{P}/", "host"),
    ("http://127.0.0.256:{P}/", "host"),
    ("http://-127.0.0.1:{P}/", "host"),
    ("http://+127.0.0.1:{P}/", "host"),
    ("http://127,0,0,1:{P}/", "host"),
    ("http://localhost.0x7f000001:{P}/", "host"),
    // Percent-encoded, in other scripts, with invisible characters.
    ("http://%31%32%37.0.0.1:{P}/", "host"),
    ("http://127%2e0%2e0%2e1:{P}/", "host"),
    ("http://127.0.0.1%00:{P}/", "host"),
    ("http://127.0.0.1%20:{P}/", "host"),
    ("http://localhost%00.example.com:{P}/", "host"),
    ("http://%6c%6fcalhost:{P}/", "host"),
    ("http://127。0。0。1:{P}/", "host"),
    ("http://127．0．0．1:{P}/", "host"),
    ("http://127｡0｡0｡1:{P}/", "host"),
    ("http://１２７.0.0.1:{P}/", "host"),
    ("http://①②⑦.⓪.⓪.①:{P}/", "host"),
    ("http://𝟭𝟮𝟳.𝟬.𝟬.𝟭:{P}/", "host"),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{P}/", "host"),
    ("http://ℓocalhost:{P}/", "host"),
    ("http://localhoſt:{P}/", "host"),
    ("http://local\u{ad}host:{P}/", "character"),
    ("http://local\u{200b}host:{P}/", "character"),
    ("http://\u{feff}127.0.0.1:{P}/", "character"),
    ("http://127.0.0.1\u{202e}:{P}/", "character"),
    ("http://127.0.0.1\u{a0}:{P}/", "character"),
    ("http://127.0.0.1\u{0}:{P}/", "character"),
    ("http://127.0.0.1\t:{P}/", "character"),
    ("http://bücher.example.com:{P}/", "host"),
    // Names of the inside.
    ("http://localhost:{P}/", "name"),
    ("http://LOCALHOST:{P}/", "name"),
    ("http://localhost.:{P}/", "host"),
    ("http://foo.localhost:{P}/", "name"),
    ("http://localhost.localdomain:{P}/", "name"),
    ("http://redis:{P}/", "name"),
    ("http://ip6-localhost:{P}/", "name"),
    ("http://metadata:{P}/", "name"),
    ("http://metadata.google.internal:{P}/computeMetadata/v1/", "name"),
    ("http://host.docker.internal:{P}/", "name"),
    ("http://kubernetes.default.svc.cluster.local:{P}/", "name"),
    ("http://router.lan:{P}/", "name"),
    ("http://nas.home.arpa:{P}/", "name"),
    ("http://hidden.onion:{P}/", "name"),
    ("http://1.0.0.127.in-addr.arpa:{P}/", "name"),
    // Public names of a private address.
    ("http://127.0.0.1.nip.io:{P}/", "loopback"),
    ("http://7f000001.nip.io:{P}/", "loopback"),
    ("http://localtest.me:{P}/", "loopback"),
    ("http://xn--80ak6aa92e.com:{P}/", "loopback"),
    ("http://a.very.long.name.of.a.public.cdn.example.com:{P}/", "loopback"),
    // User names that look like hosts.
    ("http://example.com@127.0.0.1:{P}/", "userinfo"),
    ("http://127.0.0.1:{P}@example.com/", "userinfo"),
    ("http://user:password@example.com:{P}/", "userinfo"),
    ("http://@127.0.0.1:{P}/", "userinfo"),
    ("http://:@127.0.0.1:{P}/", "userinfo"),
    ("http://a@b@127.0.0.1:{P}/", "userinfo"),
    ("http://example.com%40127.0.0.1:{P}/", "host"),
    ("http://example.com\\@127.0.0.1:{P}/", "character"),
    ("http://example.com:80\\@127.0.0.1:{P}/", "character"),
    ("http://127.0.0.1:{P}\\@example.com/", "character"),
    ("http://example.com;127.0.0.1:{P}/", "host"),
    ("http://127.0.0.1:{P}&@example.com/", "userinfo"),
    // Fragments and queries that look like hosts.
    ("http://127.0.0.1:{P}#@example.com/", "loopback"),
    ("http://127.0.0.1:{P}?@example.com/", "loopback"),
    ("http://127.0.0.1:{P}#.example.com", "loopback"),
    // Ports.
    ("http://127.0.0.1:22/", "port"),
    ("http://example.com:6379/", "port"),
    ("http://example.com:0/", "port"),
    ("http://example.com:65536/", "port"),
    ("http://example.com:99999999999999999999/", "port"),
    ("http://example.com:/", "port"),
    ("http://example.com:0{P}/", "port"),
    ("http://example.com:+{P}/", "port"),
    ("http://example.com:-1/", "port"),
    ("http://example.com:{P}:80/", "port"),
    ("http://example.com:80:{P}/", "port"),
    ("http://example.com:０/", "port"),
    ("http://example.com:http/", "port"),
    // Addresses of the inside.
    ("http://10.0.0.1:{P}/", "private"),
    ("http://172.16.0.1:{P}/", "private"),
    ("http://172.31.255.255:{P}/", "private"),
    ("http://192.168.0.1:{P}/", "private"),
    ("http://100.64.0.1:{P}/", "carrier-grade NAT"),
    ("http://100.100.100.200:{P}/latest/meta-data/", "carrier-grade NAT"),
    ("http://169.254.169.254:{P}/latest/meta-data/", "link-local"),
    ("http://169.254.170.2:{P}/v2/credentials", "link-local"),
    ("http://2852039166:{P}/latest/meta-data/", "host"),
    ("http://0xa9fea9fe:{P}/latest/meta-data/", "host"),
    ("http://0251.0376.0251.0376:{P}/latest/meta-data/", "host"),
    ("http://169.254.43518:{P}/latest/meta-data/", "host"),
    ("http://168.63.129.16:{P}/metadata/instance", "cloud platform"),
    ("http://192.0.0.192:{P}/opc/v1/", "protocol assignments"),
    ("http://192.0.2.1:{P}/", "documentation"),
    ("http://198.18.0.1:{P}/", "benchmarking"),
    ("http://224.0.0.1:{P}/", "multicast"),
    ("http://239.255.255.250:{P}/", "multicast"),
    ("http://240.0.0.1:{P}/", "reserved"),
    ("http://255.255.255.255:{P}/", "reserved"),
    // IPv6, and IPv4 inside it.
    ("http://[::1]:{P}/", "loopback"),
    ("http://[::]:{P}/", "unspecified"),
    ("http://[0:0:0:0:0:0:0:1]:{P}/", "loopback"),
    ("http://[0000:0000:0000:0000:0000:0000:0000:0001]:{P}/", "loopback"),
    ("http://[::127.0.0.1]:{P}/", "IPv4-compatible"),
    ("http://[::7f00:1]:{P}/", "IPv4-compatible"),
    ("http://[::ffff:127.0.0.1]:{P}/", "IPv4-mapped"),
    ("http://[::ffff:7f00:1]:{P}/", "IPv4-mapped"),
    ("http://[0:0:0:0:0:ffff:127.0.0.1]:{P}/", "IPv4-mapped"),
    ("http://[::ffff:8.8.8.8]:{P}/", "IPv4-mapped"),
    ("http://[::ffff:169.254.169.254]:{P}/", "IPv4-mapped"),
    ("http://[::ffff:0:127.0.0.1]:{P}/", "not assigned"),
    ("http://[64:ff9b::127.0.0.1]:{P}/", "NAT64"),
    ("http://[64:ff9b::7f00:1]:{P}/", "NAT64"),
    ("http://[64:ff9b:1::10.0.0.1]:{P}/", "NAT64"),
    ("http://[2002:7f00:1::]:{P}/", "6to4"),
    ("http://[2002:a9fe:a9fe::1]:{P}/", "6to4"),
    ("http://[2001:0:4136:e378:8000:63bf:807f:fffe]:{P}/", "protocol assignments"),
    ("http://[2a00:1450::5efe:7f00:1]:{P}/", "ISATAP"),
    ("http://[2001:db8::1]:{P}/", "documentation"),
    ("http://[fc00::1]:{P}/", "private"),
    ("http://[fd00:ec2::254]:{P}/latest/meta-data/", "private"),
    ("http://[fe80::1]:{P}/", "link-local"),
    ("http://[fe80::1%25lo]:{P}/", "host"),
    ("http://[fe80::1%lo]:{P}/", "host"),
    ("http://[::1%25lo]:{P}/", "host"),
    ("http://[fec0::1]:{P}/", "site-local"),
    ("http://[ff02::1]:{P}/", "multicast"),
    ("http://[::1:{P}/", "port"),
    ("http://::1:{P}/", "port"),
    ("http://[127.0.0.1]:{P}/", "host"),
    ("http://[localhost]:{P}/", "host"),
    ("http://[::1]x:{P}/", "host"),
    ("http://x[::1]:{P}/", "host"),
    ("http://[[::1]]:{P}/", "host"),
    ("http://[::0x1]:{P}/", "host"),
    ("http://[v1.fe80::a]:{P}/", "host"),
    ("http://[]:{P}/", "host"),
];

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
    assert!(FORMS.len() >= 120, "{}", FORMS.len());
    let wire = Tripwire::start().await;
    let resolver = Liar::new(&[("*", &[&["127.0.0.1", "::1", "0.0.0.0"]])]);
    let options = open(wire.port, &[]);
    let fetcher = fetcher(&options, resolver.clone());
    for (form, why) in FORMS {
        let url = form.replace("{P}", &wire.port.to_string());
        let error = get(&fetcher, &url).await.expect_err(&url);
        assert_eq!(code(&error), "URL_REFUSED", "{url:?}: {error}");
        match fetcher.guard().check(&url) {
            Err(refusal) => assert_eq!(word(refusal), *why, "{url:?}"),
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
