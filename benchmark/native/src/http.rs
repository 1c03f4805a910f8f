//! An incremental HTTP/1.1 reader: just enough for requests and answers of clients we know.

/// The head of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Request or status line.
    pub line: String,
    /// Body length; `None` = chunked.
    pub length: Option<u64>,
}

/// What the reader found next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The head is complete.
    Head(Head),
    /// Bytes of the body, in order, without framing.
    Body(&'a [u8]),
    /// The message is complete; the next byte starts another one.
    End,
}

enum State {
    Head,
    Sized(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
}

/// Reads one message after another from the bytes of a connection.
pub struct Reader {
    state: State,
    line: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { state: State::Head, line: Vec::new() }
    }
}

impl Reader {
    /// Takes the next event off the front of `input`; `None` = more bytes are needed.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Event<'a>> {
        loop {
            match self.state {
                State::Head => {
                    let head = parse(&self.take(input, b"\r\n\r\n")?);
                    self.state = head.length.map_or(State::ChunkSize, State::Sized);
                    return Some(Event::Head(head));
                }
                State::Sized(0) => return Some(self.end()),
                State::Sized(left) => {
                    return body(input, left).map(|(part, left)| self.go(State::Sized(left), part));
                }
                State::ChunkSize => {
                    let line = self.take(input, b"\r\n")?;
                    let digits = line.split(|&byte| byte == b';' || byte == b'\r').next().unwrap_or_default();
                    let size =
                        std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
                    self.state = match size.expect("a chunk size") {
                        0 => State::Trailer,
                        size => State::Chunk(size),
                    };
                }
                State::Chunk(0) => self.state = State::ChunkEnd,
                State::Chunk(left) => {
                    return body(input, left).map(|(part, left)| self.go(State::Chunk(left), part));
                }
                State::ChunkEnd => {
                    self.take(input, b"\r\n")?;
                    self.state = State::ChunkSize;
                }
                State::Trailer => {
                    if self.take(input, b"\r\n")?.len() == 2 {
                        return Some(self.end());
                    }
                }
            }
        }
    }

    fn go<'a>(&mut self, state: State, part: &'a [u8]) -> Event<'a> {
        self.state = state;
        Event::Body(part)
    }

    fn end<'a>(&mut self) -> Event<'a> {
        self.state = State::Head;
        Event::End
    }

    /// Everything up to and including `mark`, which may arrive in pieces.
    fn take(&mut self, input: &mut &[u8], mark: &[u8]) -> Option<Vec<u8>> {
        let before = self.line.len();
        // Only a head that arrived in pieces is put together first: copying the body behind it would cost more than reading it.
        if before == 0 {
            if let Some(found) = find(input, mark) {
                let (taken, rest) = input.split_at(found + mark.len());
                *input = rest;
                return Some(taken.to_vec());
            }
            self.line.extend_from_slice(input);
            *input = &[];
            return None;
        }
        self.line.extend_from_slice(input);
        let from = before.saturating_sub(mark.len() - 1);
        let Some(found) = find(&self.line[from..], mark) else {
            *input = &[];
            return None;
        };
        let end = from + found + mark.len();
        *input = &input[end - before..];
        self.line.truncate(end);
        Some(std::mem::take(&mut self.line))
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

fn body<'a>(input: &mut &'a [u8], left: u64) -> Option<(&'a [u8], u64)> {
    let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    let (part, rest) = input.split_at(take);
    *input = rest;
    (take > 0).then_some((part, left - take as u64))
}

fn parse(bytes: &[u8]) -> Head {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let mut length = Some(0);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().expect("a content length"));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            length = None;
        }
    }
    Head { line, length }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in_steps(message: &[u8], step: usize) -> (Vec<Head>, Vec<u8>, usize) {
        let (mut reader, mut heads, mut bytes, mut ends) = (Reader::default(), Vec::new(), Vec::new(), 0);
        for part in message.chunks(step) {
            let mut input = part;
            while let Some(event) = reader.next(&mut input) {
                match event {
                    Event::Head(head) => heads.push(head),
                    Event::Body(part) => bytes.extend_from_slice(part),
                    Event::End => ends += 1,
                }
            }
        }
        (heads, bytes, ends)
    }

    #[test]
    fn messages_read_the_same_however_they_are_cut() {
        let message = b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloPOST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nGET /c HTTP/1.1\r\n\r\n";
        for step in [1, 2, 3, 7, 50, message.len()] {
            let (heads, bytes, ends) = read_in_steps(message, step);
            assert_eq!(
                heads.iter().map(|head| head.line.as_str()).collect::<Vec<_>>(),
                ["POST /a HTTP/1.1", "POST /b HTTP/1.1", "GET /c HTTP/1.1"]
            );
            assert_eq!(heads.iter().map(|head| head.length).collect::<Vec<_>>(), [Some(5), None, Some(0)]);
            assert_eq!((bytes.as_slice(), ends), (b"helloabcde".as_slice(), 3));
        }
    }
}
