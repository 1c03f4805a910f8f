//! From a server to a directory: the same steps as everybody's. A temporary file, the hash, sync, the name by a link, sync of the names.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use warmpath_bench::http::{Event, Reader};
use warmpath_bench::object;
use warmpath_bench::wire::Wire;

use super::{Failure, Slot};

/// What is gathered for one write.
const BLOCK: usize = 256 * 1024;

/// Larger media go at once, as with everybody.
const STAYS: u64 = 1 << 20;

/// A kept-alive connection and a directory.
pub struct Storer {
    s3: Box<dyn Wire>,
    get: String,
    dir: PathBuf,
    names: File,
    slot: u64,
    made: u64,
    fsync: bool,
    block: Vec<u8>,
}

impl Storer {
    pub fn new(s3: Box<dyn Wire>, get: String, dir: &str, slot: u64, fsync: bool) -> io::Result<Self> {
        let block = Vec::with_capacity(BLOCK);
        Ok(Self { s3, get, dir: dir.into(), names: File::open(dir)?, slot, made: 0, fsync, block })
    }
}

impl Slot for Storer {
    fn job(&mut self) -> Result<(), Failure> {
        self.made += 1;
        let named = |kind: &str| self.dir.join(format!("{}-{}.{kind}", self.slot, self.made));
        let (temporary, path) = (named("tmp"), named("bin"));
        let mut file = None;
        let mut write = |block: &mut Vec<u8>| {
            if file.is_none() {
                file = Some(File::create_new(&temporary)?);
            }
            let written = file.as_mut().map_or(Ok(()), |file| file.write_all(block));
            block.clear();
            written
        };
        self.s3.send(&[self.get.as_bytes()])?;
        self.s3.flush()?;
        let Self { s3, block, .. } = self;
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        let (mut reader, mut length, mut ended, mut failure) = (Reader::default(), None, false, None);
        while !ended && failure.is_none() {
            let open = s3.receive(&mut |mut input| {
                while let Some(event) = reader.next(&mut input) {
                    match event {
                        Event::Head(head) => length = head.length.filter(|_| head.line.contains(" 200 ")),
                        Event::Body(mut part) => {
                            hash.update(part);
                            while !part.is_empty() {
                                let (now, later) = part.split_at(part.len().min(BLOCK - block.len()));
                                block.extend_from_slice(now);
                                part = later;
                                if block.len() == BLOCK {
                                    failure = failure.take().or(write(block).err());
                                }
                            }
                        }
                        Event::End => ended = true,
                    }
                }
            })?;
            if !open {
                return Err("the server closed".into());
            }
        }
        write(block)?;
        let (Some(file), Some(length), None) = (file, length, failure) else { return Err("not stored".into()) };
        if file.metadata()?.len() != length || object::hex(hash.finish().as_ref()).len() != 64 {
            return Err("not the whole of it was stored".into());
        }
        if self.fsync {
            file.sync_data()?;
        }
        drop(file);
        fs::hard_link(&temporary, &path)?;
        fs::remove_file(&temporary)?;
        if self.fsync {
            self.names.sync_all()?;
        }
        if length >= STAYS {
            fs::remove_file(&path)?;
        }
        Ok(())
    }
}
