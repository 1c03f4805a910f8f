//! Two listeners in one cheap process: an object server (`GET /bucket/obj-SIZE-N`) and a Bot API that throws every body away.
//!
//! `bench-server [--tls] [--sizes A,B] [--latency-ms N] [--read-bytes-per-second N]`
//!
//! Prints one JSON line when it listens: `{ s3Port, botPort, ca, sha256: { SIZE: hex } }`, and ends when its standard input does, so
//! that it never outlives the benchmark that started it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use warmpath_bench::args::Args;
use warmpath_bench::http::{Event, Reader};
use warmpath_bench::serve::{self, Entrance, Service, Step};
use warmpath_bench::{object, tls, wire};

/// A slow receiver must push back at once, not after the kernel has taken in megabytes for it.
const SLOW_SOCKET_BUFFER: usize = 128 * 1024;
const SLOW_READ: usize = 32 * 1024;
/// What a socket takes at once, so that neither reading nor answering it blocks.
const SMALL: u64 = 64 * 1024;

/// What the Bot API listener does before it answers.
#[derive(Clone, Copy)]
struct Sink {
    latency: Duration,
    bytes_per_second: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::read();
    let (config, ca) =
        if args.has("tls") { tls::server().map(|(config, ca)| (Some(config), ca))? } else { (None, String::new()) };
    let sink = Sink {
        latency: Duration::from_millis(args.number("latency-ms", 0)),
        bytes_per_second: args.number("read-bytes-per-second", 0),
    };
    let s3 = listen(0)?;
    let bot = listen(if sink.bytes_per_second > 0 { SLOW_SOCKET_BUFFER } else { 0 })?;
    let sizes = args.text("sizes").unwrap_or_default().split(',').filter_map(|size| size.parse::<u64>().ok());
    let hashes: Vec<String> = sizes.map(|size| format!("\"{size}\":\"{}\"", object::sha256(size))).collect();
    let ready = format!(
        "{{\"s3Port\":{},\"botPort\":{},\"ca\":\"{}\",\"sha256\":{{{}}}}}\n",
        s3.local_addr()?.port(),
        bot.local_addr()?.port(),
        ca.replace('\n', "\\n"),
        hashes.join(",")
    );
    let objects = entrance(s3, config.clone(), wire::READ, |connection| Box::new(Connection::new(connection, Objects)));
    let read = if sink.bytes_per_second > 0 { SLOW_READ } else { wire::READ };
    let bots = entrance(bot, config, read, move |connection| Box::new(Connection::new(connection, sink)));
    serve::spawn(vec![objects, bots])?;
    io::stdout().write_all(ready.as_bytes())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A loopback listener; a `receive_buffer` other than 0 is inherited by what it accepts.
fn listen(receive_buffer: usize) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if receive_buffer > 0 {
        socket.set_recv_buffer_size(receive_buffer)?;
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

fn entrance<F>(listener: TcpListener, config: Option<Arc<ServerConfig>>, read: usize, make: F) -> Entrance
where
    F: Fn(Box<dyn wire::Wire>) -> Box<dyn Service> + Send + 'static,
{
    (listener, Box::new(move |socket| Ok(make(wire::accept(socket, config.as_ref(), read)?))))
}

/// What a server says to a request.
trait Role: Send {
    /// Sends the answer to a request with this line.
    fn answer(&self, connection: &mut dyn wire::Wire, line: &str) -> io::Result<()>;

    /// Whether the answer to a request with this line may block for long.
    fn is_large(&self, line: &str) -> bool;

    /// What is taken of a request's bytes each second; 0 = all there are.
    fn bytes_per_second(&self) -> u64 {
        0
    }
}

/// A connection that throws the bodies of its requests away.
struct Connection<R> {
    wire: Box<dyn wire::Wire>,
    role: R,
    reader: Reader,
    line: String,
    /// Bytes of this request, and when the first of them came.
    seen: u64,
    started: Option<Instant>,
}

impl<R> Connection<R> {
    fn new(wire: Box<dyn wire::Wire>, role: R) -> Self {
        Self { wire, role, reader: Reader::default(), line: String::new(), seen: 0, started: None }
    }
}

impl<R> AsFd for Connection<R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}

impl<R: Role> Service for Connection<R> {
    fn receive(&mut self) -> io::Result<Step> {
        let Self { wire, reader, line, seen, .. } = self;
        let mut step = Step::More;
        let open = wire.receive(&mut |mut input| {
            *seen += input.len() as u64;
            while let Some(event) = reader.next(&mut input) {
                match event {
                    Event::Head(head) => *line = head.line,
                    Event::Body(_) => (),
                    Event::End => step = Step::Ready,
                }
            }
        })?;
        if !open {
            return Ok(Step::Closed);
        }
        if let Some(micros) = (self.seen * 1_000_000).checked_div(self.role.bytes_per_second()) {
            let elapsed = self.started.get_or_insert_with(Instant::now).elapsed();
            thread::sleep(Duration::from_micros(micros).saturating_sub(elapsed));
        }
        Ok(step)
    }

    fn answer(&mut self) -> io::Result<()> {
        self.role.answer(&mut *self.wire, &self.line)?;
        (self.seen, self.started) = (0, None);
        self.wire.flush()
    }

    fn is_large(&self) -> bool {
        self.seen > SMALL || self.role.is_large(&self.line)
    }
}

/// The object server.
struct Objects;

impl Objects {
    fn size(line: &str) -> Option<u64> {
        let path = line.split(' ').nth(1)?.split('?').next()?;
        path.rsplit_once("/obj-")?.1.split('-').next()?.parse().ok()
    }
}

impl Role for Objects {
    fn answer(&self, connection: &mut dyn wire::Wire, line: &str) -> io::Result<()> {
        let Some(size) = Self::size(line) else {
            return connection.send(&[b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]);
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\nETag: \"obj-{size}\"\r\nContent-Length: {size}\r\n\r\n"
        );
        let mut pieces = object::pieces(size);
        connection.send(&[head.as_bytes(), pieces.next().unwrap_or_default()])?;
        pieces.try_for_each(|piece| connection.send(&[piece]))
    }

    fn is_large(&self, line: &str) -> bool {
        Self::size(line).is_some_and(|size| size > SMALL)
    }
}

impl Role for Sink {
    fn answer(&self, connection: &mut dyn wire::Wire, line: &str) -> io::Result<()> {
        thread::sleep(self.latency);
        let path = line.split(' ').nth(1).unwrap_or_default();
        let json = answer(path.rsplit('/').next().unwrap_or_default());
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", json.len());
        connection.send(&[[head.as_bytes(), json.as_bytes()].concat().as_slice()])
    }

    fn is_large(&self, _line: &str) -> bool {
        self.bytes_per_second > 0 || !self.latency.is_zero()
    }

    fn bytes_per_second(&self) -> u64 {
        self.bytes_per_second
    }
}

/// The answer of a Bot API method, with the fields its kind of media really has. No `file_size`, which the real one may leave out too: what
/// was sent is not looked at here, and another size than the job's is a wrong file.
fn answer(method: &str) -> String {
    let kind = method.strip_prefix("send").unwrap_or_default();
    let id =
        "\"file_id\":\"BQACAgIAAxkDAAIBY2benchmarkfileidbenchmarkfileid\",\"file_unique_id\":\"AgADBenchmarkUniq\"";
    let square = format!("{id},\"width\":640,\"height\":640");
    let media = match kind {
        "Photo" => format!("\"photo\":[{{{square}}}]"),
        "Video" => format!("\"video\":{{{square},\"duration\":3}}"),
        "Animation" => format!("\"animation\":{{{square},\"duration\":3}},\"document\":{{{id}}}"),
        "Audio" => format!("\"audio\":{{{id},\"duration\":3}}"),
        "Voice" => format!("\"voice\":{{{id},\"duration\":3}}"),
        "VideoNote" => format!("\"video_note\":{{{id},\"length\":240,\"duration\":3}}"),
        "Sticker" => format!("\"sticker\":{{{square},\"type\":\"regular\",\"is_animated\":false,\"is_video\":false}}"),
        _ => format!("\"document\":{{{id},\"file_name\":\"file.bin\"}}"),
    };
    let from = "\"from\":{\"id\":42,\"is_bot\":true,\"first_name\":\"bench\",\"username\":\"bench_bot\"}";
    let chat = "\"chat\":{\"id\":123,\"type\":\"private\",\"first_name\":\"bench\"}";
    format!("{{\"ok\":true,\"result\":{{\"message_id\":7,\"date\":1700000000,{from},{chat},{media}}}}}")
}
