use super::files::{self, all};
use crate::media::{Format, sniff::sniff};

#[test]
fn every_file_is_known() {
    let expected = [
        ("jpeg", Format::Jpeg),
        ("png", Format::Png),
        ("gif", Format::Gif),
        ("webp-lossy", Format::WebP),
        ("webp-lossless", Format::WebP),
        ("webp-extended", Format::WebP),
        ("mp4-fast", Format::Mp4),
        ("mp4-slow", Format::Mp4),
        ("mp4-fragments", Format::Mp4),
        ("mp4-fragments-no-index", Format::Mp4),
        ("mp3", Format::Mp3),
        ("mp3-vbri", Format::Mp3),
        ("ogg-opus", Format::OggOpus),
        ("wav", Format::Wav),
        ("flac", Format::Flac),
        ("webm", Format::WebM),
        ("docx", Format::Docx),
        ("xls", Format::Xls),
        ("tgs", Format::Tgs),
        ("svg", Format::Svg),
        ("pdf", Format::Pdf),
    ];
    for ((name, data), (wanted, format)) in all().into_iter().zip(expected) {
        assert_eq!(name, wanted);
        assert_eq!(sniff(&data), Some(format), "{name}");
    }
}

#[test]
fn brands_documents_and_markup() {
    let ftyp = |brands: &[u8]| super::iso::boxed(*b"ftyp", brands);
    for (data, format) in [
        (ftyp(b"qt  \0\0\0\0qt  "), Some(Format::Mov)),
        (ftyp(b"M4A \0\0\0\0M4A mp42isom"), Some(Format::M4a)),
        (ftyp(b"3gp5\0\0\0\0"), Some(Format::ThreeGp)),
        (ftyp(b"mif1\0\0\0\0mif1heic"), Some(Format::Heic)),
        (ftyp(b"mif1\0\0\0\0mif1avif"), Some(Format::Avif)),
        (ftyp(b"isom\0\0\x02\0isom"), Some(Format::Mp4)),
        // A brand behind the box is not the box's.
        ([ftyp(b"isom\0\0\x02\0isom"), b"qt  ".to_vec()].concat(), Some(Format::Mp4)),
        (b"\0\0\0\x08wide\0\0\x10\0mdat".to_vec(), Some(Format::Mov)),
        (b"\0\0\0\x0Cfree\0\0\0\0\0\0\0\x08moov".to_vec(), Some(Format::Mov)),
        (files::webm(b"matroska"), Some(Format::Matroska)),
        (files::zip(&["[Content_Types].xml", "xl/workbook.xml"]), Some(Format::Xlsx)),
        (files::zip(&["readme.txt"]), Some(Format::Zip)),
        (files::ole("WordDocument"), Some(Format::Doc)),
        (files::ole("Something"), Some(Format::Ole)),
        (files::gzip(b"hello, world"), Some(Format::Gzip)),
        (
            b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0\x14\0\0\0\x08\0\0\0mimetypeapplication/epub+zip"
                .to_vec(),
            Some(Format::Epub),
        ),
        (b"\xEF\xBB\xBF \n<!DOCTYPE HTML><p>".to_vec(), Some(Format::Html)),
        (b"<!-- <svg> --><script>".to_vec(), Some(Format::Html)),
        (b"<?xml version='1.0'?><feed/>".to_vec(), Some(Format::Xml)),
        (br#"{"v":"5.5","fr":30,"ip":0,"op":60,"layers":[]}"#.to_vec(), Some(Format::Lottie)),
        (br#"{"v":1}"#.to_vec(), None),
        (b"plain text, nothing else".to_vec(), None),
        // Eleven set bits make no sound.
        (b"\xFF\xFB\x90\0 and then text".to_vec(), None),
        (Vec::new(), None),
        (vec![0; 4096], None),
    ] {
        assert_eq!(sniff(&data), format, "{:?}", data.escape_ascii().to_string());
    }
    // What `infer` knows and this room does not.
    let bmp = sniff(b"BM\x1e\0\0\0\0\0\0\0\x1a\0\0\0").unwrap();
    assert_eq!(bmp.mime(), "image/bmp");
    let tar = [&[b'a'; 257][..], b"ustar\0", &[0; 1000]].concat();
    assert_eq!(sniff(&tar).unwrap().mime(), "application/x-tar");
    // Tags that only `infer` minds, however far they are pushed.
    assert_eq!(sniff(&[&[b' '; 2000][..], b"<DIV >"].concat()), Some(Format::Html));
}

/// An archive of entries that were stored, whose sizes stand in front of them.
fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let entry = |(name, data): &(&str, &[u8])| {
        let size = u32::try_from(data.len()).unwrap().to_le_bytes();
        let lens = [u16::try_from(name.len()).unwrap().to_le_bytes(), [0; 2]].concat();
        [&b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], &size, &size, &lens, name.as_bytes(), data].concat()
    };
    entries.iter().flat_map(entry).collect()
}

#[test]
fn an_archive_is_what_its_own_entries_say() {
    let document = stored(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>")]);
    for (entries, format) in [
        (vec![("a/inner.docx", &document[..]), ("b.txt", b"b")], Format::Zip),
        (vec![("word/list.txt", b"a"), ("xl/b.docx", &document), ("ppt/c", b"c")], Format::Zip),
        (vec![("_rels/.rels", b""), ("word/media/a.png", b"a")], Format::Docx),
        // As Google writes them: what a package is made of comes last.
        (vec![("word/numbering.xml", b"<w/>")], Format::Docx),
        (vec![("ppt/_rels/a.rels", b"<w/>")], Format::Pptx),
    ] {
        assert_eq!(sniff(&stored(&entries)), Some(format), "{entries:?}");
    }
}

#[test]
fn a_tag_says_less_than_what_follows_it() {
    let tagged = |sound: &[u8]| [b"ID3\x04\0\0\0\0\x01\x0A", &[0; 138][..], sound].concat();
    for (data, format) in [
        (tagged(b"fLaC\0\0\0\x22"), Some(Format::Flac)),
        (tagged(&[0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC]), Some(Format::Aac)),
        (tagged(&[0xFF, 0xFB, 0x90, 0]), Some(Format::Mp3)),
        // A cover that is larger than what is looked at.
        (b"ID3\x03\0\0\x7F\x7F\0\0APIC".to_vec(), Some(Format::Mp3)),
        (b"ID3\x03 hi, this is text".to_vec(), None),
        (b"ID3\x03\0\0\x80\0\0\0".to_vec(), None),
    ] {
        assert_eq!(sniff(&data), format, "{:?}", data.escape_ascii().to_string());
    }
}

#[test]
fn where_infer_alone_would_be_wrong() {
    let of = |data: &[u8]| infer::get(data).map(|kind| kind.mime_type());
    assert_ne!(of(&files::ole("Workbook")), Some(Format::Xls.mime()));
    assert_ne!(of(&files::tgs()), Some(Format::Tgs.mime()));
    assert_ne!(of(b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2M4A mp41"), Some("audio/m4a"));
}
