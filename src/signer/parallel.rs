//! A large batch is shared with a second thread: signing is nothing but computing, and JavaScript waits for all of it.
//!
//! The batch is cut into pieces. The caller takes them from the front, the helper from the back, until they meet: so neither
//! waits for the other to wake up, and a helper that is busy elsewhere only leaves more to the caller.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use warmpath_engine::{
    error::{Code, Error, Result},
    sigv4::{Scratch, Signer},
};

use super::{
    batch::{Piece, Shared, piece},
    call::lines,
};

/// From so many requests on it is worth it: waking a thread takes as long as signing some dozens.
const WORTH_IT: usize = 256;

/// Requests of a piece, about.
const PIECE: usize = 64;

/// The URLs of a piece, in chunks.
type Chunks = Result<Vec<Vec<u8>>>;

/// What the helper is told.
enum Call {
    /// A batch will be there in a moment.
    Expect,
    /// A batch, and a signer of the helper's own.
    Help(Arc<Work>, Box<Signer>),
}

/// How long the helper stays awake for a batch that it was told to expect: putting its texts together takes about as long as waking a
/// thread.
const PATIENCE: Duration = Duration::from_micros(200);

/// A batch that two threads work on.
struct Work {
    text: String,
    prefix: String,
    shared: Shared<'static>,
    /// Where each piece is in the text, the index of its first request, and how many it has.
    pieces: Vec<(std::ops::Range<usize>, usize, usize)>,
    state: Mutex<State>,
    /// Told when the helper has finished a piece.
    done: Condvar,
}

/// Pieces from `front` up to `back` are nobody's yet; the helper's are those behind.
struct State {
    front: usize,
    back: usize,
    finished: Vec<Option<Chunks>>,
}

/// Presigns the requests of a text that has a line for each.
pub fn presign(
    signer: &mut Signer,
    scratch: &mut Scratch,
    whole: Piece<'_>,
    shared: Shared<'_>,
    hand_over: &mut dyn FnMut(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let helper = if whole.requests < WORTH_IT { None } else { helper() };
    let Some(helper) = helper else { return piece(signer, scratch, whole, Some(shared), hand_over) };
    let pieces = cut(whole);
    let count = pieces.len();
    let finished = pieces.iter().map(|_| None).collect();
    let work = Arc::new(Work {
        text: whole.text.to_owned(),
        prefix: shared.prefix.to_owned(),
        shared: Shared { prefix: "", ..shared },
        pieces,
        state: Mutex::new(State { front: 0, back: count, finished }),
        done: Condvar::new(),
    });
    // A helper that is gone takes nothing, and all is done here.
    _ = helper.send(Call::Help(Arc::clone(&work), Box::new(signer.twin())));
    let result = (0..count).try_for_each(|index| match work.take_first(index) {
        Some(part) => piece(signer, scratch, part, Some(work.shared()), hand_over),
        None => work.wait_for(index)?.iter_mut().try_for_each(&mut *hand_over),
    });
    // After an error there is nothing left to do for anybody.
    work.state.lock().front = count;
    result
}

impl Work {
    const fn shared(&self) -> Shared<'_> {
        Shared { prefix: self.prefix.as_str(), ..self.shared }
    }

    fn piece(&self, index: usize) -> Option<Piece<'_>> {
        let (at, first, requests) = self.pieces.get(index)?;
        Some(Piece { text: self.text.get(at.clone())?, first: *first, requests: *requests })
    }

    /// The piece, where it is not the helper's.
    fn take_first(&self, index: usize) -> Option<Piece<'_>> {
        let mut state = self.state.lock();
        if index >= state.back {
            return None;
        }
        state.front = index + 1;
        self.piece(index)
    }

    /// A piece for the helper.
    fn take_last(&self) -> Option<(usize, Piece<'_>)> {
        let mut state = self.state.lock();
        if state.front >= state.back {
            return None;
        }
        state.back -= 1;
        Some((state.back, self.piece(state.back)?))
    }

    fn finish(&self, index: usize, chunks: Chunks) {
        if let Some(place) = self.state.lock().finished.get_mut(index) {
            *place = Some(chunks);
        }
        self.done.notify_one();
    }

    /// What the helper has made of a piece that it has taken.
    fn wait_for(&self, index: usize) -> Chunks {
        let mut state = self.state.lock();
        loop {
            if let Some(chunks) = state.finished.get_mut(index).and_then(Option::take) {
                return chunks;
            }
            self.done.wait(&mut state);
        }
    }

    /// The helper's part.
    fn help(&self, signer: &mut Signer) {
        let mut scratch = Scratch::default();
        while let Some((index, part)) = self.take_last() {
            let chunks = catch_unwind(AssertUnwindSafe(|| self.collect(signer, &mut scratch, part)));
            self.finish(index, chunks.unwrap_or_else(|_| Err(Error::new(Code::Internal, "signing panicked"))));
        }
    }

    fn collect(&self, signer: &mut Signer, scratch: &mut Scratch, part: Piece<'_>) -> Chunks {
        let mut chunks = Vec::new();
        piece(signer, scratch, part, Some(self.shared()), &mut |urls| {
            chunks.push(std::mem::take(urls));
            Ok(())
        })?;
        Ok(chunks)
    }
}

/// Cuts a text into pieces, between two lines.
fn cut(whole: Piece<'_>) -> Vec<(std::ops::Range<usize>, usize, usize)> {
    let about = whole.text.len() / (whole.requests / PIECE).max(1);
    let mut pieces = Vec::new();
    let (mut start, mut first) = (0, whole.first);
    while let Some(rest) = whole.text.as_bytes().get(start + about..)
        && let Some(end) = memchr::memchr(b'\n', rest)
    {
        let end = start + about + end;
        let requests = lines(whole.text.get(start..end).unwrap_or_default());
        pieces.push((start..end, first, requests));
        (start, first) = (end + 1, first + requests);
    }
    pieces.push((start..whole.text.len(), first, whole.first + whole.requests - first));
    pieces
}

/// Wakes the helper for a batch of so many that is about to come.
pub fn expect(requests: usize) {
    if requests >= WORTH_IT
        && let Some(helper) = helper()
    {
        _ = helper.send(Call::Expect);
    }
}

/// The helper's life.
fn serve(calls: &mpsc::Receiver<Call>) {
    while let Ok(call) = calls.recv() {
        let call = if matches!(call, Call::Expect) { soon(calls) } else { Some(call) };
        if let Some(Call::Help(work, mut signer)) = call {
            work.help(&mut signer);
        }
    }
}

/// The batch that was announced, if it comes.
fn soon(calls: &mpsc::Receiver<Call>) -> Option<Call> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        match calls.try_recv() {
            Ok(Call::Expect) | Err(mpsc::TryRecvError::Empty) => std::hint::spin_loop(),
            Ok(call) => return Some(call),
            Err(mpsc::TryRecvError::Disconnected) => return None,
        }
    }
    None
}

/// The thread that helps, started with the first large batch; none on a machine with one core. It sleeps between batches and
/// keeps no process alive.
fn helper() -> Option<&'static mpsc::Sender<Call>> {
    static HELPER: OnceLock<Option<mpsc::Sender<Call>>> = OnceLock::new();
    let start = || {
        if thread::available_parallelism().map_or(1, std::num::NonZero::get) < 2 {
            return None;
        }
        let (sender, calls) = mpsc::channel();
        let thread = thread::Builder::new().name("warmpath-signer".to_owned()).spawn(move || serve(&calls));
        thread.ok().map(|_| sender)
    };
    HELPER.get_or_init(start).as_ref()
}
