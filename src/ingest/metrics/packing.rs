//! Owns: telling and undoing how bytes are packed. A little that unpacks to a lot is refused.

use std::io::{self, Read};

use crate::ingest::problem::quoted;

/// How the bytes of a file are packed, by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not at all.
    None,
    /// gzip, of one or several parts.
    Gzip,
    /// zstd.
    Zstd,
    /// One that is not opened here.
    Foreign(&'static str),
}

impl Packing {
    /// How these bytes are packed.
    pub(super) fn of(bytes: &[u8]) -> Packing {
        match bytes {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Foreign("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Packing::Foreign("bzip2"),
            [b'P', b'K', 3, 4, ..] => Packing::Foreign("zip"),
            _ => Packing::None,
        }
    }

    /// What was packed: an error if that is more than `most` bytes.
    pub(super) fn unpack(self, bytes: &[u8], most: u64) -> io::Result<Vec<u8>> {
        let mut unpacked = Vec::new();
        // The blocks and names of an archive are no content.
        let limit = most + (most >> 2) + 1;
        match self {
            Packing::Gzip => flate2::read::MultiGzDecoder::new(bytes)
                .take(limit)
                .read_to_end(&mut unpacked)?,
            Packing::Zstd => ruzstd::decoding::StreamingDecoder::new(bytes)
                .map_err(|error| io::Error::other(quoted(&error.to_string())))?
                .take(limit)
                .read_to_end(&mut unpacked)?,
            Packing::None | Packing::Foreign(_) => return Ok(bytes.to_vec()),
        };
        if unpacked.len() as u64 == limit {
            return Err(io::Error::other("it holds more than 256 MiB"));
        }
        Ok(unpacked)
    }
}

/// Whether these are the bytes of a tar: the mark of the newer forms, or a header whose checksum is
/// right.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..512) else {
        return false;
    };
    if header[257..262] == *b"ustar" {
        return true;
    }
    let field = String::from_utf8_lossy(&header[148..156]);
    let told = u32::from_str_radix(field.trim_matches(['\0', ' ']), 8);
    let sum: u32 = header
        .iter()
        .enumerate()
        .map(|(i, b)| {
            if (148..156).contains(&i) {
                32
            } else {
                u32::from(*b)
            }
        })
        .sum();
    header[0] != 0 && told == Ok(sum)
}
