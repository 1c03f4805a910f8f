//! The last signature once more, for another path: what a batch of one bucket's keys needs, and most single calls.

use super::{
    super::{
        canonical,
        hash::{digest, hex},
        request::check_path,
    },
    Hand, Kept, Scratch, Signature, write_path,
};
use crate::error::Result;

impl Hand<'_> {
    /// The last signature in this scratch once more, for another path: all else is as it was, so only the path is written and
    /// the hashes are computed. `None` where the last one cannot be taken over (it had a query of its own, or was made at
    /// another second).
    pub fn again<'s>(self, path: &str, seconds: u64, scratch: &'s mut Scratch) -> Result<Option<Signature<'s>>> {
        let Some(kept) = scratch.kept.filter(|kept| kept.seconds == seconds) else { return Ok(None) };
        check_path(path)?;
        let mut out = std::mem::take(&mut scratch.out);
        out.truncate(kept.url.map_or(out.len().saturating_sub(64), |(origin, _)| origin));
        self.again_behind(kept, path, scratch, &mut out);
        scratch.out = out;
        Ok(Some(Signature(scratch)))
    }

    /// [`Hand::again`], appended to `out`. False, with nothing appended, where the last one cannot be taken over or was no URL.
    pub fn again_into(self, path: &str, seconds: u64, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<bool> {
        let Some(kept) = scratch.kept.filter(|kept| kept.seconds == seconds) else { return Ok(false) };
        let Some((origin, _)) = kept.url else { return Ok(false) };
        check_path(path)?;
        out.extend_from_slice(scratch.out.get(..origin).unwrap_or_default());
        self.again_behind(kept, path, scratch, out);
        Ok(true)
    }

    /// Writes what comes behind the part that does not change: path, query and signature of a URL, or the signature alone.
    fn again_behind(self, kept: Kept, path: &str, scratch: &mut Scratch, out: &mut Vec<u8>) {
        let pen = self.cache.at(kept.seconds, self.credentials, self.options);
        let canonical = &mut scratch.canonical;
        canonical.truncate(kept.path);
        canonical::path(canonical, path, self.options);
        let end = canonical.len();
        canonical.extend_from_slice(&scratch.tail);
        let signature = pen.sign(&hex(&digest(canonical)));
        scratch.signature = Some(signature);
        if let Some((_, query)) = kept.url {
            write_path(out, path, canonical.get(kept.path..end).unwrap_or_default(), self.options);
            out.push(b'?');
            out.extend_from_slice(scratch.tail.get(1..=query).unwrap_or_default());
            out.extend_from_slice(b"&X-Amz-Signature=");
        }
        out.extend_from_slice(&signature);
    }
}
