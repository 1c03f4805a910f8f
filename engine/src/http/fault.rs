//! What can go wrong below HTTP, without a URL in sight: this is the single point where transport errors become ours.

use std::{error::Error as StdError, fmt, io};

use super::guard::Refusal;

/// The kind of a transport failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// No connection: name look-up, refused, unreachable, too slow. Nothing was sent.
    Connect,
    /// The certificate or the handshake was refused. Nothing was sent.
    Tls,
    /// A deadline of ours passed.
    Timeout,
    /// The connection broke in the middle.
    Broken,
    /// The other side does not speak HTTP/1.1 as it should.
    Protocol,
    /// Our own body stream ended early, with an error it has kept for itself.
    Body,
    /// The policy for URLs of strangers forbids every address of the host. Nothing was sent, nobody was connected to.
    Refused(Refusal),
}

/// A transport failure: its kind, and a text that names no address beyond what the operating system says.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What kind of failure.
    pub kind: FaultKind,
    /// One clause for people.
    pub text: String,
    /// Whether the connection had been idle before and broke without a byte of an answer: the server was probably closing it
    /// as the request was on its way. A request that may be repeated goes through on a fresh one.
    pub stale: bool,
}

impl Fault {
    /// A failure with a text of our own.
    #[must_use]
    pub fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), stale: false }
    }

    /// A connection that the policy forbids.
    #[must_use]
    pub fn refused(why: Refusal) -> Self {
        Self::new(FaultKind::Refused(why), why.to_string())
    }

    /// Sorts an error of the HTTP stack by walking its causes. Only the innermost text is kept: outer layers put
    /// addresses into theirs.
    #[must_use]
    pub fn from_chain(error: &(dyn StdError + 'static)) -> Self {
        let mut kind = FaultKind::Broken;
        let mut text = String::from("connection failed");
        let mut current = Some(error);
        while let Some(cause) = current {
            if let Some(fault) = cause.downcast_ref::<Self>() {
                return fault.clone();
            }
            if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
                if hyper.is_user() {
                    kind = FaultKind::Body;
                } else if hyper.is_parse() {
                    kind = FaultKind::Protocol;
                }
                describe_hyper(hyper).clone_into(&mut text);
            }
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                text = describe_io(io);
                // An io::Error can wrap the cause that matters (rustls reports through it).
                if let Some(inner) = io.get_ref() {
                    if let Some(fault) = inner.downcast_ref::<Self>() {
                        return fault.clone();
                    }
                    if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
                        return Self::from_tls(tls);
                    }
                }
            }
            if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                return Self::from_tls(tls);
            }
            current = cause.source();
        }
        Self { kind, text, stale: false }
    }

    /// After the handshake something may have been sent; before it, `connect` knows better.
    fn from_tls(error: &rustls::Error) -> Self {
        let kind = match error {
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => FaultKind::Tls,
            _ => FaultKind::Broken,
        };
        Self::new(kind, format!("TLS: {error}"))
    }
}

fn describe_hyper(error: &hyper::Error) -> &'static str {
    if error.is_incomplete_message() {
        "connection closed before the message was complete"
    } else if error.is_parse() {
        "not an HTTP/1.1 answer"
    } else if error.is_user() {
        "the request body ended early"
    } else {
        "connection failed"
    }
}

fn describe_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::BrokenPipe => "connection closed while writing".to_owned(),
        io::ErrorKind::UnexpectedEof => "connection closed".to_owned(),
        io::ErrorKind::TimedOut => "timed out".to_owned(),
        kind => kind.to_string(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_changed_on_its_way_does_not_say_that_nothing_was_sent() {
        let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        let fault = Fault::from_chain(&error);
        assert_eq!((fault.kind, fault.text.as_str()), (FaultKind::Broken, "TLS: cannot decrypt peer's message"));
        let name = rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForName);
        assert_eq!(Fault::from_chain(&name).kind, FaultKind::Tls);
    }
}
