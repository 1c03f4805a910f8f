//! Boxes built by hand.

/// A box.
pub fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(8 + body.len()).unwrap().to_be_bytes()[..], &kind, body].concat()
}

/// A box of boxes.
pub fn parent(kind: [u8; 4], children: &[Vec<u8>]) -> Vec<u8> {
    boxed(kind, &children.concat())
}

/// Big-endian 32-bit words.
pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The matrix of a clockwise turn.
pub fn matrix(turn: u16) -> Vec<u8> {
    let one = 0x1_0000_u32;
    let minus = one.wrapping_neg();
    let (a, b, c, d) = match turn {
        90 => (0, one, minus, 0),
        180 => (minus, 0, 0, minus),
        270 => (0, minus, one, 0),
        _ => (one, 0, 0, one),
    };
    words(&[a, b, 0, c, d, 0, 0, 0, 0x4000_0000])
}

/// A track to build.
#[derive(Clone)]
pub struct TrackSpec {
    pub handler: [u8; 4],
    pub codec: [u8; 4],
    pub turn: u16,
    /// Size in the track header, in whole pixels.
    pub shown: (u32, u32),
    /// Size in the sample entry.
    pub coded: (u16, u16),
    /// Boxes in the sample entry.
    pub extensions: Vec<u8>,
    /// The table of chunk offsets, header included.
    pub offsets: Vec<u8>,
    /// Duration in ticks of 1/12800 s.
    pub ticks: u32,
}

impl TrackSpec {
    pub fn video() -> Self {
        Self {
            handler: *b"vide",
            codec: *b"avc1",
            turn: 0,
            shown: (640, 360),
            coded: (640, 360),
            extensions: Vec::new(),
            offsets: stco(&[]),
            ticks: 64_000,
        }
    }

    pub fn audio() -> Self {
        Self { handler: *b"soun", codec: *b"mp4a", ..Self::video() }
    }

    pub fn build(&self, id: u32) -> Vec<u8> {
        let header = [words(&[7, 0, 0, id, 0, 5000, 0, 0, 0, 0]), matrix(self.turn)].concat();
        let header = [header, words(&[self.shown.0 << 16, self.shown.1 << 16])].concat();
        let entry =
            [&[0; 24][..], &self.coded.0.to_be_bytes(), &self.coded.1.to_be_bytes(), &[0; 50], &self.extensions]
                .concat();
        let descriptions = [words(&[0, 1]), boxed(self.codec, &entry)].concat();
        let table = parent(*b"stbl", &[boxed(*b"stsd", &descriptions), self.offsets.clone()]);
        let handler = [&[0; 8][..], &self.handler, &[0; 13]].concat();
        let media = [
            boxed(*b"mdhd", &words(&[0, 0, 0, 12_800, self.ticks, 0])),
            boxed(*b"hdlr", &handler),
            parent(*b"minf", &[table]),
        ];
        parent(*b"trak", &[boxed(*b"tkhd", &header), parent(*b"mdia", &media)])
    }
}

pub fn stco(offsets: &[u32]) -> Vec<u8> {
    boxed(*b"stco", &[words(&[0, u32::try_from(offsets.len()).unwrap()]), words(offsets)].concat())
}

pub fn co64(offsets: &[u64]) -> Vec<u8> {
    let entries: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_be_bytes()).collect();
    boxed(*b"co64", &[words(&[0, u32::try_from(offsets.len()).unwrap()]), entries].concat())
}

/// A movie of five seconds.
pub fn moov(tracks: &[TrackSpec], more: &[Vec<u8>]) -> Vec<u8> {
    let header = [words(&[0, 0, 0, 1000, 5000, 0x1_0000, 0x100_0000, 0, 0]), matrix(0), vec![0; 28]].concat();
    let mut parts = vec![boxed(*b"mvhd", &header)];
    parts.extend(tracks.iter().zip(1..).map(|(track, id)| track.build(id)));
    parts.extend_from_slice(more);
    parent(*b"moov", &parts)
}

pub fn ftyp() -> Vec<u8> {
    boxed(*b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41")
}
