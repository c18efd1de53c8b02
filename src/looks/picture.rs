//! What may become a logo: a PNG, JPEG or WebP picture that stands still. Told from its content, whatever it calls itself.
//! Only the structure is read, never the pixels: browsers decode pictures in a place of their own.

use thiserror::Error;

use super::LogoName;
use crate::crypto;

/// The largest picture, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
const SMALLEST: u32 = 64;
const LARGEST: u32 = 1024;

/// Why a picture was refused, as a sentence without its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RefusedPicture {
    /// Over [`MAX_BYTES`].
    #[error("must be at most 256 kB large")]
    TooLarge,
    /// Something else; an SVG, say, which is a program.
    #[error("must be a PNG, JPEG or WebP picture")]
    OtherType,
    /// It does not end where it says.
    #[error("is not a whole picture: save it anew")]
    Broken,
    /// It moves.
    #[error("must not be animated")]
    Animated,
    /// Too small or too large to look at.
    #[error("must be from 64 x 64 to 1024 x 1024 pixels")]
    Dimensions,
}

/// Checks a picture and names it by its content.
pub fn check(bytes: &[u8]) -> Result<LogoName, RefusedPicture> {
    if bytes.len() > MAX_BYTES {
        return Err(RefusedPicture::TooLarge);
    }
    let (kind, (width, height)) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        ("png", png(bytes)?)
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        ("jpeg", jpeg(bytes).ok_or(RefusedPicture::Broken)?)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        ("webp", webp(bytes)?)
    } else {
        return Err(RefusedPicture::OtherType);
    };
    let fits = SMALLEST..=LARGEST;
    if !(fits.contains(&width) && fits.contains(&height)) {
        return Err(RefusedPicture::Dimensions);
    }
    let name = format!("{}.{kind}", crypto::hash_bytes(bytes));
    LogoName::parse(&name).ok_or(RefusedPicture::Broken)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// Chunk by chunk from IHDR to IEND, and nothing behind that (PNG §5).
fn png(bytes: &[u8]) -> Result<(u32, u32), RefusedPicture> {
    let (mut at, mut size) = (8_usize, None);
    loop {
        let length = number(bytes, at).ok_or(RefusedPicture::Broken)?;
        let kind = bytes.get(at + 4..at + 8).ok_or(RefusedPicture::Broken)?;
        match kind {
            b"IHDR" if at == 8 && length == 13 => {
                size = number(bytes, 16).zip(number(bytes, 20));
            }
            _ if at == 8 => return Err(RefusedPicture::Broken),
            b"acTL" => return Err(RefusedPicture::Animated),
            _ => {}
        }
        let is_end = kind == b"IEND";
        at = usize::try_from(length)
            .ok()
            .and_then(|length| at.checked_add(12)?.checked_add(length))
            .filter(|end| *end <= bytes.len())
            .ok_or(RefusedPicture::Broken)?;
        if is_end {
            let whole = size.filter(|_| at == bytes.len());
            return whole.ok_or(RefusedPicture::Broken);
        }
    }
}

/// Segment by segment to the frame header, which has the size (ITU T.81 §B.2).
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.ends_with(b"\xff\xd9") {
        return None;
    }
    let mut at = 2_usize;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        let two = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        match marker {
            // Fill bytes.
            0xff => at += 1,
            // Frame headers; C4, C8 and CC are tables.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => {
                return Some((u32::from(two(at + 7)?), u32::from(two(at + 5)?)));
            }
            // The scan or the end before any frame header.
            0xd0..=0xda | 0x00 | 0x01 => return None,
            _ => {
                let length = usize::from(two(at + 2)?);
                if length < 2 {
                    return None;
                }
                at += 2 + length;
            }
        }
    }
}

/// RFC 9649 §2.
fn webp(bytes: &[u8]) -> Result<(u32, u32), RefusedPicture> {
    let little = |at: usize| {
        let four = bytes.get(at..at + 4)?;
        usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
    };
    let is_whole = little(4).is_some_and(|size| size.checked_add(8) == Some(bytes.len()));
    if !is_whole {
        return Err(RefusedPicture::Broken);
    }
    let (mut at, mut size) = (12_usize, None);
    while at < bytes.len() {
        let kind = bytes.get(at..at + 4).ok_or(RefusedPicture::Broken)?;
        let length = little(at + 4).ok_or(RefusedPicture::Broken)?;
        let end = (at + 8).checked_add(length).filter(|end| *end <= bytes.len());
        let content = end
            .and_then(|end| bytes.get(at + 8..end))
            .ok_or(RefusedPicture::Broken)?;
        match kind {
            b"ANIM" | b"ANMF" => return Err(RefusedPicture::Animated),
            b"VP8X" if content.first().is_some_and(|flags| flags & 2 != 0) => return Err(RefusedPicture::Animated),
            b"VP8X" => size = size.or(extended(content)),
            b"VP8 " => size = size.or(lossy(content)),
            b"VP8L" => size = size.or(lossless(content)),
            _ => {}
        }
        at = at + 8 + length + length % 2;
    }
    size.ok_or(RefusedPicture::Broken)
}

fn extended(content: &[u8]) -> Option<(u32, u32)> {
    let three = |at: usize| {
        let [a, b, c] = content.get(at..at + 3)?.try_into().ok()?;
        Some(u32::from_le_bytes([a, b, c, 0]) + 1)
    };
    three(4).zip(three(7))
}

/// RFC 6386 §9.1.
fn lossy(content: &[u8]) -> Option<(u32, u32)> {
    if content.get(3..6) != Some(b"\x9d\x01\x2a") {
        return None;
    }
    let fourteen_bits = |at: usize| {
        let two = content.get(at..at + 2)?.try_into().ok()?;
        Some(u32::from(u16::from_le_bytes(two) & 0x3fff))
    };
    fourteen_bits(6).zip(fourteen_bits(8))
}

/// RFC 9649 §3.4.
fn lossless(content: &[u8]) -> Option<(u32, u32)> {
    if content.first() != Some(&0x2f) {
        return None;
    }
    let bits = u32::from_le_bytes(content.get(1..5)?.try_into().ok()?);
    Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

#[cfg(test)]
pub mod testing {
    /// A PNG of this size, with no pixels in it.
    pub fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
        header.extend([8, 6, 0, 0, 0]);
        for (kind, content) in [(b"IHDR", header.as_slice()), (b"IDAT", b"pixels"), (b"IEND", b"")] {
            chunk(&mut bytes, kind, content);
        }
        bytes
    }

    /// Adds a chunk of a PNG.
    pub fn chunk(bytes: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
        bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        bytes.extend(kind);
        bytes.extend(content);
        bytes.extend([0; 4]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::{chunk, png};
    use super::*;

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x0b\x08".to_vec();
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend(b"\x01\x00\x00\x00\xff\xda\x00\x02pixels\xff\xd9");
        bytes
    }

    fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (kind, content) in chunks {
            body.extend(*kind);
            body.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
            body.extend(content);
            body.extend(std::iter::repeat_n(0, content.len() % 2));
        }
        let mut bytes = b"RIFF".to_vec();
        bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend(body);
        bytes
    }

    fn lossless(width: u32, height: u32) -> Vec<u8> {
        let mut content = vec![0x2f];
        content.extend(((width - 1) | (height - 1) << 14).to_le_bytes());
        content
    }

    fn lossy(width: u16, height: u16) -> Vec<u8> {
        let mut content = b"\x00\x00\x00\x9d\x01\x2a".to_vec();
        content.extend(width.to_le_bytes());
        content.extend(height.to_le_bytes());
        content
    }

    fn extended(flags: u8, width: u32) -> Vec<u8> {
        let mut content = vec![flags, 0, 0, 0];
        content.extend(&(width - 1).to_le_bytes()[..3]);
        content.extend(&(width - 1).to_le_bytes()[..3]);
        content
    }

    #[test]
    fn pictures_of_each_kind_are_named_by_their_content() {
        for (bytes, kind) in [
            (png(64, 1024), "image/png"),
            (jpeg(128, 100), "image/jpeg"),
            (riff(&[(b"VP8L", lossless(64, 1024))]), "image/webp"),
            (riff(&[(b"VP8 ", lossy(512, 64))]), "image/webp"),
            (
                riff(&[
                    (b"VP8X", extended(0x10, 300)),
                    (b"ALPH", vec![1]),
                    (b"VP8 ", lossy(300, 300)),
                ]),
                "image/webp",
            ),
        ] {
            let name = check(&bytes).unwrap();
            assert_eq!(name.content_type(), kind);
            assert!(name.as_str().starts_with(&crypto::hash_bytes(&bytes)));
        }
    }

    #[test]
    fn what_is_no_picture_or_another_kind_is_refused_whatever_it_calls_itself() {
        for bad in [
            b"".as_slice(),
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>1</script></svg>",
            b"GIF89a",
            b"BM",
            b"<html>",
            b"%PDF-1.7",
            b"RIFF\x04\x00\x00\x00WAVE",
        ] {
            assert_eq!(check(bad), Err(RefusedPicture::OtherType));
        }
    }

    #[test]
    fn pictures_too_small_or_too_large_are_refused() {
        for (width, height) in [(63, 64), (64, 63), (1025, 64), (64, 1025), (0, 64), (u32::MAX, 64)] {
            assert_eq!(check(&png(width, height)), Err(RefusedPicture::Dimensions));
        }
        assert_eq!(check(&jpeg(2000, 100)), Err(RefusedPicture::Dimensions));
        assert_eq!(
            check(&riff(&[(b"VP8 ", lossy(16, 64))])),
            Err(RefusedPicture::Dimensions)
        );
        assert_eq!(check(&vec![0; MAX_BYTES + 1]), Err(RefusedPicture::TooLarge));
    }

    #[test]
    fn pictures_that_move_are_refused() {
        let mut moving = png(64, 64);
        moving.truncate(33);
        chunk(&mut moving, b"acTL", &[0; 8]);
        chunk(&mut moving, b"IEND", b"");
        assert_eq!(check(&moving), Err(RefusedPicture::Animated));
        for chunks in [
            vec![(b"VP8X", extended(2, 300))],
            vec![(b"VP8X", extended(0, 300)), (b"ANIM", vec![0; 6])],
            vec![(b"VP8L", lossless(64, 64)), (b"ANMF", vec![0; 16])],
        ] {
            assert_eq!(check(&riff(&chunks)), Err(RefusedPicture::Animated));
        }
    }

    #[test]
    fn pictures_that_are_cut_off_or_have_something_behind_them_are_refused() {
        for whole in [png(64, 64), jpeg(64, 64), riff(&[(b"VP8L", lossless(64, 64))])] {
            for cut in 3..whole.len() {
                assert!(check(&whole[..cut]).is_err(), "{cut}");
            }
            let longer = [whole.as_slice(), b"<script>"].concat();
            assert_eq!(check(&longer), Err(RefusedPicture::Broken));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_check(
            start in prop::sample::select(vec![
                b"".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec(), b"\xff\xd8\xff".to_vec(), png(64, 64)[..20].to_vec(),
                b"RIFF\x40\x00\x00\x00WEBPVP8X".to_vec(),
            ]),
            rest: Vec<u8>,
        ) {
            let _ = check(&[start, rest].concat());
        }
    }
}
