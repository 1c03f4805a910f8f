//! The floor: blocking threads, one a slot, that move bytes through a fixed buffer and do nothing else (no signing, no retry, no JSON).
//!
//! `bench-floor --s3-port N --size N [--ca-file PEM] [--concurrency 16] [--warm-ms 1000]`, and either `--bot-port N [--verify HEX]`
//! (GET → POST) or `--dir PATH [--fsync]` (GET → file, hashed). With `--bare` and a `--bot-port` it is hyper on tokio instead ([`bare`]).
//!
//! Speaks lines of JSON: says `{"event":"ready", …}` when warm, reads a number of jobs from standard input, runs them and says
//! `{"event":"done", …}`; times in ms, CPU in µs, memory in bytes.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use warmpath_bench::args::Args;
use warmpath_bench::{process, tls, wire};

use bare::Bare;
use copy::Copier;
use store::Storer;

mod bare;
mod copy;
mod store;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const BOUNDARY: &str = "warmpathbenchboundary";

/// What stands before the file in a form.
fn multipart_opening() -> String {
    let part = |name: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
    format!(
        "{}\r\n\r\n123\r\n{}; filename=\"file.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n",
        part("chat_id"),
        part("document")
    )
}

/// What a thread does again and again.
trait Slot: Send {
    fn job(&mut self) -> Result<(), Failure>;
}

/// Runs `jobs` jobs on all slots.
fn run(slots: &mut [Box<dyn Slot>], jobs: i64) -> Result<Duration, Failure> {
    let (left, started) = (AtomicI64::new(jobs), Instant::now());
    thread::scope(|scope| {
        let threads: Vec<_> = slots
            .iter_mut()
            .map(|slot| {
                let left = &left;
                scope.spawn(move || {
                    while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                        slot.job()?;
                    }
                    Ok::<(), Failure>(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| Failure::from("a slot panicked"))?)
    })?;
    Ok(started.elapsed())
}

fn say(text: &str) -> io::Result<()> {
    io::stdout().write_all(format!("{text}\n").as_bytes())
}

fn main() -> Result<(), Failure> {
    let args = Args::read();
    let base = process::memory("VmRSS");
    if args.has("bare") {
        let address = |name| local(args.number(name, 0));
        let (size, concurrency) = (args.number("size", 20 * 1024), args.number("concurrency", 16));
        let mut bare = Bare::open(address("s3-port"), address("bot-port"), size, concurrency)?;
        return measure(&args, base, |jobs| bare.run(jobs));
    }
    let mut slots = open_slots(&args)?;
    measure(&args, base, |jobs| run(&mut slots, jobs))
}

fn local(port: u64) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap_or(0)))
}

fn open_slots(args: &Args) -> Result<Vec<Box<dyn Slot>>, Failure> {
    let address = |name| local(args.number(name, 0));
    let config = match args.text("ca-file") {
        Some(file) => Some(tls::client(&std::fs::read_to_string(file)?).map_err(|error| error.to_string())?),
        None => None,
    };
    let size = args.number("size", 20 * 1024);
    let slots = (0..args.number("concurrency", 16))
        .map(|slot| {
            let s3 = wire::connect(address("s3-port"), config.as_ref())?;
            let get = format!("GET /bucket/obj-{size}-{slot} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            if let Some(dir) = args.text("dir") {
                return Ok(Box::new(Storer::new(s3, get, dir, slot, args.has("fsync"))?) as Box<dyn Slot>);
            }
            let bot = wire::connect(address("bot-port"), config.as_ref())?;
            Ok(Box::new(Copier { s3, bot, get, verify: args.text("verify").map(str::to_owned) }) as Box<dyn Slot>)
        })
        .collect::<io::Result<Vec<_>>>()?;
    Ok(slots)
}

/// Warms up, then runs as many jobs as standard input says.
fn measure(args: &Args, base: u64, mut run: impl FnMut(i64) -> Result<Duration, Failure>) -> Result<(), Failure> {
    let concurrency = args.number("concurrency", 16);
    let (warm_for, started) = (Duration::from_millis(args.number("warm-ms", 1000)), Instant::now());
    let mut batch = i64::try_from(concurrency)?;
    let mut rate = batch as f64 / run(batch)?.as_secs_f64();
    while started.elapsed() < warm_for {
        batch *= 2;
        rate = batch as f64 / run(batch)?.as_secs_f64();
    }
    say(&format!("{{\"event\":\"ready\",\"jobsPerSecond\":{rate},\"baseRss\":{base}}}"))?;

    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let jobs: i64 = line.trim().parse()?;
    let (cpu_before, slept) = process::used();
    let elapsed = run(jobs)?;
    let (cpu_after, sleeps) = process::used();
    let (cpu, sleeps) = ((cpu_after - cpu_before).as_micros(), sleeps - slept);
    let (wall, peak) = (elapsed.as_secs_f64() * 1000.0, process::memory("VmHWM"));
    say(&format!(
        "{{\"event\":\"done\",\"jobs\":{jobs},\"wallMs\":{wall},\"cpuUs\":{cpu},\"sleeps\":{sleeps},\"peakRss\":{peak}}}"
    ))?;
    Ok(())
}
