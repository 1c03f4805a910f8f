//! URLs of strangers, fetched without letting them choose whom we talk to (server-side request forgery).
//!
//! A URL from a chat message names a server. Somebody may name one that only we can reach: the metadata service of the
//! cloud, a database without a password, ourselves. Three rules keep them out, and each closes a way around the others:
//!
//! 1. **The form.** What is not plainly a public `https` URL is refused before anything is looked up ([`Url::parse`],
//!    [`Guard::check`]): user names, unusual ports, every way to write an address that is not *the* way, names that
//!    only mean something inside a network. Nothing is repaired, so no other reader of the same text can read it otherwise.
//! 2. **The address.** A name is looked up once, every answer is held against the special-purpose registries of IANA
//!    ([`address`]), and the connection goes to an answer that passed. There is no second look-up that could answer
//!    otherwise (DNS rebinding).
//! 3. **Redirects** are followed by us, three at the most, each one from the start of these rules ([`Fetcher`]).
//!
//! **With a proxy** (`http.proxy`) all of this holds too: the name is looked up here, and the proxy is asked to connect to
//! the address that passed. The proxy itself is the operator's choice and is not checked.
//!
//! What no client can know: which public addresses are yours, and a NAT64 prefix that is neither of the registered ones.
//! [`GuardOptions::deny`] is for them.

pub mod address;
mod allow;
mod body;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod host;
mod join;
mod pinned;
mod resolve;
mod url;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use serde::Deserialize;

use self::allow::{Allowed, Net};
pub(super) use self::pinned::Pinned;
pub use self::{
    body::Fetched,
    fetch::{Fetcher, request_headers},
    host::Host,
    resolve::{Answers, Resolve, SystemResolver},
    url::Url,
};
use super::{Fault, FaultKind};
use crate::error::{Code, Error, Result};

/// More answers than this are not tried: nobody has more, and each may cost a connect.
const MOST_ADDRESSES: usize = 16;

/// What strangers' URLs may reach, as it comes through the door.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GuardOptions {
    /// Whether `http://` is taken too. A redirect from `https` to `http` is refused all the same.
    pub http: bool,
    /// Ports beside 80 and 443.
    pub ports: Vec<u16>,
    /// Servers that are yours and may be fetched from although their addresses are private. A name (`files.internal`) covers
    /// whatever it resolves to; an address (`10.1.2.3`, `::1`) or a network (`10.1.0.0/16`) whatever name leads there. With a port
    /// (`localhost:9000`, `[::1]:8080`) it is that host and that port alone, and the port need not be a usual one.
    pub allow: Vec<String>,
    /// Addresses and networks that are refused although they are public: `198.51.100.7`, `2a00:1450::/32`. Goes before `allow`.
    pub deny: Vec<String>,
    /// Redirects that are followed, at the most.
    pub redirects: u8,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self { http: false, ports: Vec::new(), allow: Vec::new(), deny: Vec::new(), redirects: 3 }
    }
}

/// Why a URL is not fetched. The texts name no part of the URL: it may hold a secret, or be made for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Longer than any URL that works.
    Length,
    /// White space, a control character or a backslash: parsers disagree on what these mean.
    Character,
    /// Neither `https://` nor, where it is taken, `http://`.
    Scheme,
    /// A user name or a password.
    Userinfo,
    /// A host that is neither a plain DNS name nor an IP address in its one canonical form.
    Host,
    /// A name that means something inside a network only.
    Name,
    /// A port that is not open to strangers.
    Port,
    /// An address of a special purpose; the text says which.
    Address(&'static str),
    /// An address of the `deny` list.
    Denied,
    /// A redirect from `https` to `http`.
    Downgrade,
    /// A redirect to where we have been.
    Loop,
    /// More redirects than the policy follows.
    Redirects,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "it is too long",
            Self::Character => "it holds white space, a control character or a backslash",
            Self::Scheme => "its scheme is not https (http is an option)",
            Self::Userinfo => "it holds a user name or a password",
            Self::Host => "its host is neither a plain DNS name nor an IP address in canonical form",
            Self::Name => "its host is a name of a local network",
            Self::Port => "its port is not 80, 443 or an allowed one",
            Self::Address(purpose) => return write!(f, "its address is not a public one ({purpose})"),
            Self::Denied => "its address is on the deny list",
            Self::Downgrade => "it redirects from https to http",
            Self::Loop => "it redirects in a circle",
            Self::Redirects => "it redirects too often",
        })
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// The error of a URL that is refused for this.
    #[must_use]
    pub fn error(self) -> Error {
        Error::new(Code::UrlRefused, format!("the URL was refused: {self}"))
    }
}

struct Policy {
    http: bool,
    ports: Vec<u16>,
    allow: Vec<Allowed>,
    deny: Vec<Net>,
    redirects: u8,
    resolver: Arc<dyn Resolve>,
}

/// The policy for URLs of strangers. Cheap to clone, never changes.
#[derive(Clone)]
pub struct Guard(Arc<Policy>);

impl Guard {
    /// A policy that looks names up as the system does.
    ///
    /// # Errors
    /// `INVALID_OPTION` naming the entry of `allow` or `deny` that is none.
    pub fn new(options: &GuardOptions) -> Result<Self> {
        Self::with_resolver(options, Arc::new(SystemResolver))
    }

    /// A policy that looks names up by `resolver`.
    ///
    /// # Errors
    /// As [`Guard::new`].
    pub fn with_resolver(options: &GuardOptions, resolver: Arc<dyn Resolve>) -> Result<Self> {
        Ok(Self(Arc::new(Policy {
            http: options.http,
            ports: options.ports.clone(),
            allow: allow::parse_all("allow", &options.allow, Allowed::parse)?,
            deny: allow::parse_all("deny", &options.deny, Net::parse)?,
            redirects: options.redirects,
            resolver,
        })))
    }

    /// Redirects that are followed, at the most.
    #[must_use]
    pub fn redirects(&self) -> u8 {
        self.0.redirects
    }

    /// Everything that can be said of a URL without looking its name up. Cheap, and never blocks: jobs can be checked with it
    /// when they are submitted.
    ///
    /// # Errors
    /// The [`Refusal`]. That a URL passes is not yet the permission to connect: [`Guard::addresses`] is.
    pub fn check(&self, text: &str) -> Result<Url, Refusal> {
        let url = Url::parse(text)?;
        self.check_parsed(&url)?;
        Ok(url)
    }

    /// As [`Guard::check`], for a URL that has been taken apart already.
    ///
    /// # Errors
    /// As [`Guard::check`].
    pub fn check_parsed(&self, url: &Url) -> Result<(), Refusal> {
        if !url.secure() && !self.0.http {
            return Err(Refusal::Scheme);
        }
        let (host, port) = (url.host(), url.port());
        let opened = || self.0.allow.iter().any(|entry| entry.opens(host, port));
        if !matches!(port, 80 | 443) && !self.0.ports.contains(&port) && !opened() {
            return Err(Refusal::Port);
        }
        match host {
            Host::Name(name) if host::is_local_name(name) && !self.is_own(host, port) => Err(Refusal::Name),
            Host::Name(_) => Ok(()),
            Host::Address(address) => self.check_address(host, port, *address),
        }
    }

    /// Whether a redirect may be followed: it is a URL of a stranger like the first, and it must not give the encryption up.
    ///
    /// # Errors
    /// As [`Guard::check`].
    pub fn check_redirect(&self, from: &Url, to: &Url) -> Result<(), Refusal> {
        if from.secure() && !to.secure() {
            return Err(Refusal::Downgrade);
        }
        self.check_parsed(to)
    }

    /// The addresses that a connection to this host may go to. It must go to one of *these*: another look-up may have another
    /// answer.
    ///
    /// # Errors
    /// A [`Fault`] of kind `Refused` when no answer passes, `Connect` when there is no answer.
    pub async fn addresses(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        let answers = match host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.look_up(name, self.is_own(host, port)).await?,
        };
        let mut refusal = None;
        let mut passed = Vec::with_capacity(answers.len().min(MOST_ADDRESSES));
        for address in answers {
            match self.check_address(host, port, address) {
                Ok(()) if passed.len() < MOST_ADDRESSES => passed.push(SocketAddr::new(address, port)),
                Ok(()) => {}
                Err(why) => refusal = Some(why),
            }
        }
        match refusal {
            // One bad answer among good ones is left out: a network with DNS64 has one for every name.
            Some(why) if passed.is_empty() => Err(Fault::refused(why)),
            _ if passed.is_empty() => Err(Fault::new(FaultKind::Connect, "the host name has no address")),
            _ => Ok(passed),
        }
    }

    /// Whether the user has named this host as his own.
    fn is_own(&self, host: &Host, port: u16) -> bool {
        self.0.allow.iter().any(|entry| entry.names(host, port))
    }

    async fn look_up(&self, name: &str, own: bool) -> Result<Vec<IpAddr>, Fault> {
        // The trailing dot keeps the search list of resolv.conf out: a stranger's `a.b` must not become `a.b.our-cluster.local`.
        // Names of the user's own may need exactly that, or live in /etc/hosts, which knows no dot.
        let name = if own { name.to_owned() } else { format!("{name}.") };
        let answers = self.0.resolver.resolve(name).await;
        answers.map_err(|_| Fault::new(FaultKind::Connect, "the host name could not be looked up"))
    }

    fn check_address(&self, host: &Host, port: u16, address: IpAddr) -> Result<(), Refusal> {
        if self.0.deny.iter().any(|net| net.contains(address)) {
            return Err(Refusal::Denied);
        }
        if self.is_own(host, port) || self.0.allow.iter().any(|entry| entry.covers(address)) {
            return Ok(());
        }
        address::special_purpose(address).map_or(Ok(()), |purpose| Err(Refusal::Address(purpose)))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
