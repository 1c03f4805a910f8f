//! Two listeners in one cheap process: an object server (`GET /bucket/obj-SIZE-N`) and a Bot API that throws every body away.
//!
//! `bench-server [--tls] [--sizes A,B] [--latency-ms N] [--read-bytes-per-second N]`
//!
//! Prints one JSON line when it listens: `{ s3Port, botPort, ca, sha256: { SIZE: hex } }`, and ends when its standard input does, so
//! that it never outlives the benchmark that started it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use warmpath_bench::args::Args;
use warmpath_bench::http::{Event, Reader};
use warmpath_bench::{object, tls, wire};

/// A slow receiver must push back at once, not after the kernel has taken in megabytes for it.
const SLOW_SOCKET_BUFFER: usize = 128 * 1024;
const SLOW_READ: usize = 32 * 1024;
const STACK: usize = 512 * 1024;

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
    serve(s3, config.clone(), wire::READ, serve_objects)?;
    let read = if sink.bytes_per_second > 0 { SLOW_READ } else { wire::READ };
    serve(bot, config, read, move |connection| serve_bot(connection, sink))?;
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

/// One thread a connection: with a few dozen connections nothing is cheaper than blocking.
fn serve<F>(listener: TcpListener, config: Option<Arc<ServerConfig>>, read: usize, handle: F) -> io::Result<()>
where
    F: Fn(Box<dyn wire::Wire>) -> io::Result<()> + Send + Sync + 'static,
{
    let handle = Arc::new(handle);
    let accept = move |socket: TcpStream| {
        let (config, handle) = (config.clone(), Arc::clone(&handle));
        // A client that goes away in mid-transfer is its own business.
        let run = move || drop(wire::accept(socket, config.as_ref(), read).and_then(|connection| handle(connection)));
        thread::Builder::new().stack_size(STACK).spawn(run).map(drop)
    };
    thread::Builder::new().spawn(move || listener.incoming().flatten().try_for_each(accept))?;
    Ok(())
}

/// Reads one whole request, throwing its body away, and answers its request line; `None` = the client has closed.
fn read_request(
    connection: &mut dyn wire::Wire,
    reader: &mut Reader,
    bytes_per_second: u64,
) -> io::Result<Option<String>> {
    let (mut line, mut ended, mut seen) = (String::new(), false, 0_u64);
    let mut started = None;
    while !ended {
        let open = connection.receive(&mut |mut input| {
            seen += input.len() as u64;
            while let Some(event) = reader.next(&mut input) {
                match event {
                    Event::Head(head) => line = head.line,
                    Event::Body(_) => (),
                    Event::End => ended = true,
                }
            }
        })?;
        if !open {
            return Ok(None);
        }
        if let Some(micros) = (seen * 1_000_000).checked_div(bytes_per_second) {
            let elapsed = started.get_or_insert_with(Instant::now).elapsed();
            thread::sleep(Duration::from_micros(micros).saturating_sub(elapsed));
        }
    }
    Ok(Some(line))
}

fn serve_objects(mut connection: Box<dyn wire::Wire>) -> io::Result<()> {
    let mut reader = Reader::default();
    while let Some(line) = read_request(&mut *connection, &mut reader, 0)? {
        let path = line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
        let size = path.rsplit_once("/obj-").and_then(|(_, rest)| rest.split('-').next()?.parse::<u64>().ok());
        let Some(size) = size else {
            connection.send(&[b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])?;
            connection.flush()?;
            continue;
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\nETag: \"obj-{size}\"\r\nContent-Length: {size}\r\n\r\n"
        );
        let mut pieces = object::pieces(size);
        connection.send(&[head.as_bytes(), pieces.next().unwrap_or_default()])?;
        pieces.try_for_each(|piece| connection.send(&[piece]))?;
        connection.flush()?;
    }
    Ok(())
}

fn serve_bot(mut connection: Box<dyn wire::Wire>, sink: Sink) -> io::Result<()> {
    let mut reader = Reader::default();
    while let Some(line) = read_request(&mut *connection, &mut reader, sink.bytes_per_second)? {
        thread::sleep(sink.latency);
        let path = line.split(' ').nth(1).unwrap_or_default();
        let json = answer(path.rsplit('/').next().unwrap_or_default());
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", json.len());
        connection.send(&[[head.as_bytes(), json.as_bytes()].concat().as_slice()])?;
        connection.flush()?;
    }
    Ok(())
}

/// The answer of a Bot API method, with the fields its kind of media really has.
fn answer(method: &str) -> String {
    let kind = method.strip_prefix("send").unwrap_or_default();
    let id = "\"file_id\":\"BQACAgIAAxkDAAIBY2benchmarkfileidbenchmarkfileid\",\"file_unique_id\":\"AgADBenchmarkUniq\",\"file_size\":20480";
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
