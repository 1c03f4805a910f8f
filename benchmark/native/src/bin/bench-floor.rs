//! The floor: 16 blocking threads that copy GET → POST through a fixed buffer, and do nothing else (no signing, no retry, no JSON).
//!
//! `bench-floor --s3-port N --bot-port N --size N [--ca-file PEM] [--concurrency 16] [--warm-ms 1000] [--verify HEX]`
//!
//! Speaks lines of JSON: says `{"event":"ready", …}` when warm, reads a number of jobs from standard input, runs them and says
//! `{"event":"done", …}`; times in ms, CPU in µs, memory in bytes.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use warmpath_bench::args::Args;
use warmpath_bench::http::{Event, Head, Reader};
use warmpath_bench::wire::Wire;
use warmpath_bench::{object, process, tls, wire};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Two kept-alive connections and the texts that go over them.
struct Copier {
    s3: Box<dyn Wire>,
    bot: Box<dyn Wire>,
    get: String,
    verify: Option<String>,
}

const BOUNDARY: &str = "warmpathbenchboundary";

impl Copier {
    fn job(&mut self) -> Result<(), Failure> {
        self.s3.send(&[self.get.as_bytes()])?;
        self.s3.flush()?;
        let Self { s3, bot, verify, .. } = self;
        let mut hash = verify.as_ref().map(|_| ring::digest::Context::new(&ring::digest::SHA256));
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let (mut reader, mut head, mut left, mut failure) =
            (Reader::default(), None::<String>, None::<u64>, None::<Failure>);
        while left != Some(0) && failure.is_none() {
            let open = s3.receive(&mut |mut input| {
                while let Some(event) = reader.next(&mut input) {
                    let sent = match event {
                        Event::Head(found) => post_head(&found, tail.len()).map(|(text, length)| {
                            head = Some(text);
                            left = Some(length);
                        }),
                        Event::Body(part) => {
                            if let Some(hash) = &mut hash {
                                hash.update(part);
                            }
                            left = left.map(|left| left - part.len() as u64);
                            let end = if left == Some(0) { tail.as_bytes() } else { b"" };
                            let start = head.take().unwrap_or_default();
                            bot.send(&[start.as_bytes(), part, end]).map_err(Failure::from)
                        }
                        Event::End => Ok(()),
                    };
                    failure = failure.take().or(sent.err());
                }
            })?;
            if !open {
                return Err("the object server closed".into());
            }
            bot.flush()?;
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if let (Some(hash), Some(wanted)) = (hash, verify)
            && object::hex(hash.finish().as_ref()) != *wanted
        {
            return Err("SHA-256 mismatch".into());
        }
        let (mut ended, mut good) = (false, false);
        while !ended {
            let open = bot.receive(&mut |mut input| {
                while let Some(event) = reader.next(&mut input) {
                    match event {
                        Event::Head(head) => good = head.line.contains(" 200 "),
                        Event::Body(_) => (),
                        Event::End => ended = true,
                    }
                }
            })?;
            if !open {
                return Err("the Bot API server closed".into());
            }
        }
        if good { Ok(()) } else { Err("the Bot API server refused".into()) }
    }
}

/// Head and multipart opening of the POST, from the head of the GET's answer.
fn post_head(head: &Head, tail: usize) -> Result<(String, u64), Failure> {
    let length = head.length.filter(|_| head.line.contains(" 200 ")).ok_or("the object server refused")?;
    let part = |name: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
    let opening = format!(
        "{}\r\n\r\n123\r\n{}; filename=\"file.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n",
        part("chat_id"),
        part("document")
    );
    let total = opening.len() as u64 + length + tail as u64;
    let text = format!(
        "POST /bot42:TEST/sendDocument HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {total}\r\n\r\n{opening}"
    );
    Ok((text, length))
}

/// Runs `jobs` jobs on all copiers.
fn run(copiers: &mut [Copier], jobs: i64) -> Result<Duration, Failure> {
    let (left, started) = (AtomicI64::new(jobs), Instant::now());
    thread::scope(|scope| {
        let threads: Vec<_> = copiers
            .iter_mut()
            .map(|copier| {
                let left = &left;
                scope.spawn(move || {
                    while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                        copier.job()?;
                    }
                    Ok::<(), Failure>(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| Failure::from("a copier panicked"))?)
    })?;
    Ok(started.elapsed())
}

fn say(text: &str) -> io::Result<()> {
    io::stdout().write_all(format!("{text}\n").as_bytes())
}

fn main() -> Result<(), Failure> {
    let args = Args::read();
    let address = |name| SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(args.number(name, 0)).unwrap_or(0)));
    let config = match args.text("ca-file") {
        Some(file) => Some(tls::client(&std::fs::read_to_string(file)?).map_err(|error| error.to_string())?),
        None => None,
    };
    let size = args.number("size", 20 * 1024);
    let base = process::memory("VmRSS");
    let mut copiers = (0..args.number("concurrency", 16))
        .map(|slot| {
            Ok(Copier {
                s3: wire::connect(address("s3-port"), config.as_ref())?,
                bot: wire::connect(address("bot-port"), config.as_ref())?,
                get: format!("GET /bucket/obj-{size}-{slot} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
                verify: args.text("verify").map(str::to_owned),
            })
        })
        .collect::<io::Result<Vec<_>>>()?;

    let (warm_for, started) = (Duration::from_millis(args.number("warm-ms", 1000)), Instant::now());
    let mut batch = i64::try_from(copiers.len())?;
    let mut rate = batch as f64 / run(&mut copiers, batch)?.as_secs_f64();
    while started.elapsed() < warm_for {
        batch *= 2;
        rate = batch as f64 / run(&mut copiers, batch)?.as_secs_f64();
    }
    say(&format!("{{\"event\":\"ready\",\"jobsPerSecond\":{rate},\"baseRss\":{base}}}"))?;

    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let jobs: i64 = line.trim().parse()?;
    let before = process::cpu();
    let elapsed = run(&mut copiers, jobs)?;
    let cpu = (process::cpu() - before).as_micros();
    let (wall, peak) = (elapsed.as_secs_f64() * 1000.0, process::memory("VmHWM"));
    say(&format!("{{\"event\":\"done\",\"jobs\":{jobs},\"wallMs\":{wall},\"cpuUs\":{cpu},\"peakRss\":{peak}}}"))?;
    Ok(())
}
