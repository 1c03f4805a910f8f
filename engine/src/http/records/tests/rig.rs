//! A server at the other end: rustls's own with its own streams, or one that says what it likes.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use aws_lc_rs::{encoding::AsDer as _, rsa};
use rustls::{
    CipherSuite, ClientConfig, ContentType, ProtocolVersion, RootCertStore, ServerConfig, SupportedCipherSuite,
    crypto::{
        CryptoProvider, aws_lc_rs as library,
        cipher::{InboundOpaqueMessage, OutboundChunks, OutboundPlainMessage},
    },
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio_rustls::{TlsAcceptor, server::TlsStream as ServerStream};

use crate::http::{
    crypto,
    records::{
        TlsStream, handshake,
        inbound::HEADER,
        keys::{Opener, Sealer},
    },
};

/// Both ends' configurations: one certificate, the client's ciphers as asked for, the server's always those of the library.
pub struct Pair {
    pub client: ClientConfig,
    pub server: ServerConfig,
}

/// Configurations of one suite, for both ends.
pub fn pair(client: CryptoProvider) -> Pair {
    let suites: Vec<_> = client.cipher_suites.iter().map(SupportedCipherSuite::suite).collect();
    let key = if suites.iter().all(|suite| format!("{suite:?}").contains("_RSA_")) {
        // rcgen over ring makes none of these.
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        rcgen::KeyPair::try_from(pair.as_der().unwrap().as_ref()).unwrap()
    } else {
        rcgen::KeyPair::generate().unwrap()
    };
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(client)).with_safe_default_protocol_versions().unwrap();
    let mut client = builder.with_root_certificates(roots).with_no_client_auth();
    client.enable_secret_extraction = true;
    let mut provider = library::default_provider();
    provider.cipher_suites.retain(|suite| suites.contains(&suite.suite()));
    let builder =
        ServerConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions().unwrap();
    let mut server =
        builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
    server.enable_secret_extraction = true;
    Pair { client, server }
}

/// Every suite by itself, of every provider that a processor may get.
pub fn single_suites() -> Vec<CryptoProvider> {
    let providers = crypto::possible().into_iter();
    let alone = |provider: CryptoProvider| {
        let suites = provider.cipher_suites.clone().into_iter();
        suites.map(move |suite| CryptoProvider { cipher_suites: vec![suite], ..provider.clone() }).collect::<Vec<_>>()
    };
    providers.flat_map(alone).collect()
}

/// One suite of the library's.
pub fn suite(name: CipherSuite) -> Pair {
    let mut provider = library::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == name);
    pair(provider)
}

pub type Client = TlsStream<DuplexStream>;
pub type Honest = ServerStream<DuplexStream>;

/// Both ends of a connection, which holds `room` bytes on its way.
pub async fn connect(pair: &Pair, room: usize) -> (Client, Honest) {
    let (near, far) = tokio::io::duplex(room);
    let name = "localhost".try_into().unwrap();
    let client = handshake(near, name, Arc::new(pair.client.clone()));
    let server = TlsAcceptor::from(Arc::new(pair.server.clone())).accept(far);
    tokio::try_join!(client, server).unwrap()
}

/// A server that seals any record, with the keys of a connection that was made in good order.
pub struct Wild {
    pub socket: DuplexStream,
    sealer: Sealer,
    opener: Opener,
}

impl Wild {
    pub async fn connect(pair: &Pair) -> (Client, Self) {
        let mut server = pair.server.clone();
        server.send_tls13_tickets = 0;
        let (client, server) = connect(&Pair { client: pair.client.clone(), server }, 1 << 20).await;
        let (socket, connection) = server.into_inner();
        let suite = connection.negotiated_cipher_suite().unwrap();
        let secrets = connection.dangerous_extract_secrets().unwrap();
        let (sealer, opener) = (Sealer::new(suite, secrets.tx).unwrap(), Opener::new(suite, secrets.rx).unwrap());
        (client, Self { socket, sealer, opener })
    }

    pub fn seal(&mut self, typ: ContentType, text: &[u8]) -> Vec<u8> {
        seal(&mut self.sealer, typ, text)
    }

    pub async fn say(&mut self, typ: ContentType, text: &[u8]) {
        let record = self.seal(typ, text);
        self.socket.write_all(&record).await.unwrap();
    }

    /// The next record of the client; nothing once it has closed.
    pub async fn hear(&mut self) -> Option<(ContentType, Vec<u8>)> {
        let mut header = [0; HEADER];
        self.socket.read_exact(&mut header).await.ok()?;
        let [kind, major, minor, high, low] = header;
        let mut body = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        self.socket.read_exact(&mut body).await.unwrap();
        let version = ProtocolVersion::from(u16::from_be_bytes([major, minor]));
        let sealed = InboundOpaqueMessage::new(ContentType::from(kind), version, &mut body);
        let opened = self.opener.cipher.decrypt(sealed, self.opener.next).unwrap();
        self.opener.next += 1;
        Some((opened.typ, opened.payload.to_vec()))
    }
}

/// The next record of a key.
pub fn seal(sealer: &mut Sealer, typ: ContentType, text: &[u8]) -> Vec<u8> {
    let payload = OutboundChunks::Single(text);
    let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
    let record = sealer.cipher.encrypt(message, sealer.next).unwrap().encode();
    sealer.next += 1;
    record
}

/// A socket that takes and gives a few bytes at a time, and is gone when it is to be shut down.
pub struct Slow<S>(pub S, pub usize);

impl<S: AsyncRead + Unpin> AsyncRead for Slow<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let mut few = vec![0; buf.remaining().min(this.1)];
        let mut few = ReadBuf::new(&mut few);
        let polled = Pin::new(&mut this.0).poll_read(cx, &mut few);
        buf.put_slice(few.filled());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Slow<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        Pin::new(&mut this.0).poll_write(cx, &buf[..buf.len().min(this.1)])
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let shut = Pin::new(&mut self.get_mut().0).poll_shutdown(cx);
        shut.map(|_| Err(std::io::ErrorKind::NotConnected.into()))
    }
}
