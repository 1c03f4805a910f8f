//! From one server to the other.

use warmpath_bench::http::{Event, Head, Reader};
use warmpath_bench::object;
use warmpath_bench::wire::Wire;

use super::{BOUNDARY, Failure, Slot, multipart_opening};

/// Two kept-alive connections and the texts that go over them.
pub struct Copier {
    pub s3: Box<dyn Wire>,
    pub bot: Box<dyn Wire>,
    pub get: String,
    pub verify: Option<String>,
}

impl Slot for Copier {
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
    let opening = multipart_opening();
    let total = opening.len() as u64 + length + tail as u64;
    let text = format!(
        "POST /bot42:TEST/sendDocument HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {total}\r\n\r\n{opening}"
    );
    Ok((text, length))
}
