//! Hashes and their spellings.

use std::path::PathBuf;

use sha2::Digest;

use super::super::interpret::Evaluator;
use super::super::value::*;
use super::files::path;
use super::text::text;
use super::{primitive, string};
use crate::nix::source::Span;

pub(super) const PRIMITIVES: &[Primitive] = &[
    primitive("hashString", 2, |e, a, at| {
        let algorithm = text(e, a[0], at)?;
        let hash = digest(&algorithm, text(e, a[1], at)?.as_bytes(), at)?;
        string(base16(&hash), at)
    }),
    primitive("hashFile", 2, |e, a, at| {
        let algorithm = text(e, a[0], at)?;
        let value = e.force(a[1])?;
        let file: PathBuf = path(e, &value, at)?;
        let text = e
            .sources()
            .read_text(&file)
            .map_err(|error| Unknown::new(Why::File(error.to_string()), at))?;
        string(base16(&digest(&algorithm, text.as_bytes(), at)?), at)
    }),
    primitive("convertHash", 1, convert),
    // The stand-in for an output of a derivation: a hash of its name alone.
    primitive("placeholder", 1, |e, a, at| {
        let name = text(e, a[0], at)?;
        let hash = digest("sha256", format!("nix-output:{name}").as_bytes(), at)?;
        string(format!("/{}", base32(&hash)), at)
    }),
];

fn refused<T>(why: String, at: Option<Span>) -> Eval<T> {
    Err(Unknown::new(Why::Refused(why), at))
}

fn digest(algorithm: &str, bytes: &[u8], at: Option<Span>) -> Eval<Vec<u8>> {
    Ok(match algorithm {
        "md5" => md5::Md5::digest(bytes).to_vec(),
        "sha1" => sha1::Sha1::digest(bytes).to_vec(),
        "sha256" => sha2::Sha256::digest(bytes).to_vec(),
        "sha512" => sha2::Sha512::digest(bytes).to_vec(),
        "blake3" => {
            let why = Why::Unsupported("the hash algorithm `blake3`".to_owned());
            return Err(Unknown::new(why, at));
        }
        other => return refused(format!("there is no hash algorithm `{other}`"), at),
    })
}

fn size(algorithm: &str) -> Option<usize> {
    match algorithm {
        "md5" => Some(16),
        "sha1" => Some(20),
        "sha256" => Some(32),
        "sha512" => Some(64),
        _ => None,
    }
}

fn convert(e: &Evaluator, a: &[Thunk], at: Option<Span>) -> Eval<Value> {
    let set = e.as_set(&e.force(a[0])?, at)?;
    let part = |name: &str| -> Eval<Option<String>> {
        match set.get(name) {
            Some(attribute) => text(e, attribute.value, at).map(|t| Some(t.to_string())),
            None => super::closed(&set, at).map(|()| None),
        }
    };
    let (Some(hash), Some(format)) = (part("hash")?, part("toHashFormat")?) else {
        return refused("`hash` or `toHashFormat` is missing".to_owned(), at);
    };
    let mut algorithm = part("hashAlgo")?;
    let mut written = hash.as_str();
    let mut is_sri = false;
    for separator in ['-', ':'] {
        let Some((prefix, rest)) = hash.split_once(separator) else {
            continue;
        };
        if size(prefix).is_none() {
            continue;
        }
        if algorithm.as_deref().is_some_and(|a| a != prefix) {
            return refused(format!("`{hash}` is no hash of that algorithm"), at);
        }
        algorithm = Some(prefix.to_owned());
        written = rest;
        is_sri = separator == '-';
        break;
    }
    let Some((algorithm, size)) = algorithm.and_then(|a| Some((a.clone(), size(&a)?))) else {
        return refused(
            format!("the algorithm of the hash `{hash}` is not known"),
            at,
        );
    };
    // How it is spelt follows from its length.
    let bytes = match written.len() {
        _ if is_sri => from_base64(written),
        n if n == size * 2 => from_base16(written),
        n if n == (size * 8 - 1) / 5 + 1 => from_base32(written, size),
        n if n == size.div_ceil(3) * 4 => from_base64(written),
        _ => None,
    };
    let Some(bytes) = bytes.filter(|b| b.len() == size) else {
        return refused(format!("`{hash}` is no hash of {algorithm}"), at);
    };
    match format.as_str() {
        "base16" => string(base16(&bytes), at),
        "nix32" | "base32" => string(base32(&bytes), at),
        "base64" => string(base64(&bytes), at),
        "sri" => string(format!("{algorithm}-{}", base64(&bytes)), at),
        other => refused(format!("there is no hash format `{other}`"), at),
    }
}

fn base16(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn from_base16(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    Some(
        digits?
            .chunks(2)
            .map(|p| p.iter().fold(0, |n, d| n * 16 + d))
            .collect(),
    )
}

/// Nix's own digits, in which the hash stands backwards.
const NIX32: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

fn base32(bytes: &[u8]) -> String {
    let length = (bytes.len() * 8).div_ceil(5);
    let digit = |n: usize| {
        let (index, shift) = (n * 5 / 8, n * 5 % 8);
        let low = u32::from(bytes[index]) >> shift;
        let high = bytes
            .get(index + 1)
            .map_or(0, |b| u32::from(*b) << (8 - shift));
        char::from(NIX32[((low | high) & 31) as usize])
    };
    (0..length).rev().map(digit).collect()
}

fn from_base32(text: &str, size: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0u8; size];
    for (n, character) in text.bytes().rev().enumerate() {
        let digit = NIX32.iter().position(|d| *d == character)? as u32;
        let (index, shift) = (n * 5 / 8, n * 5 % 8);
        *bytes.get_mut(index)? |= (digit << shift) as u8;
        let carry = (digit >> (8 - shift)) as u8;
        match bytes.get_mut(index + 1) {
            Some(next) => *next |= carry,
            None if carry != 0 => return None,
            None => {}
        }
    }
    Some(bytes)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |n, i| n << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        for i in 0..4 {
            match i <= chunk.len() {
                true => out.push(char::from(BASE64[(word >> (18 - 6 * i) & 63) as usize])),
                false => out.push('='),
            }
        }
    }
    out
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut word, mut bits) = (0u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let digit = BASE64.iter().position(|d| *d == character)? as u32;
        word = word << 6 | digit;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits) as u8);
            word &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}
