//! The fields of keys as bytes: written so that they sort like the fields, read back without trust.

use std::borrow::Cow;

use abide_core::{ids::RunId, state::WaitKey};
use bytes::{BufMut, Bytes};
use sha2::{Digest as _, Sha256};

use super::Tag;

/// Texts above this many bytes appear in keys as their digest, so that keys stay small.
pub(super) const LONGEST_PLAIN_TEXT: usize = 200;

/// A text in a key: itself, or only its digest when it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text<'a> {
    /// The text.
    Plain(Cow<'a, str>),
    /// The SHA-256 of a long one.
    Digest([u8; 32]),
}

impl<'a> Text<'a> {
    /// The form in which a text appears in keys.
    pub fn new(text: &'a str) -> Self {
        if text.len() <= LONGEST_PLAIN_TEXT {
            Self::Plain(Cow::Borrowed(text))
        } else {
            Self::Digest(Sha256::digest(text).into())
        }
    }

    /// Whether the key says the text: if not, the row has to.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(tag: Tag) -> Self {
        // The longest key without texts.
        let mut bytes = Vec::with_capacity(40);
        bytes.put_u8(tag as u8);
        Self(bytes)
    }

    pub(super) fn id(mut self, id: u128) -> Self {
        self.0.put_u128(id);
        self
    }

    pub(super) fn u64(mut self, number: u64) -> Self {
        self.0.put_u64(number);
        self
    }

    pub(super) fn u8(mut self, byte: u8) -> Self {
        self.0.put_u8(byte);
        self
    }

    pub(super) fn u32(mut self, number: u32) -> Self {
        self.0.put_u32(number);
        self
    }

    pub(super) fn wait(self, wait: WaitKey) -> Self {
        self.id(wait.run.0).u32(wait.op)
    }

    /// No text sorts before every text.
    pub(super) fn optional_text(self, text: Option<&Text<'_>>) -> Self {
        match text {
            None => self.u8(0),
            Some(text) => self.text(text),
        }
    }

    pub(super) fn text(mut self, text: &Text<'_>) -> Self {
        match text {
            Text::Plain(text) => {
                self.0.put_u8(1);
                for &byte in text.as_bytes() {
                    self.0.put_u8(byte);
                    if byte == 0 {
                        self.0.put_u8(u8::MAX);
                    }
                }
                self.0.put_slice(&[0, 0]);
            }
            Text::Digest(digest) => {
                self.0.put_u8(2);
                self.0.put_slice(digest);
            }
        }
        self
    }

    pub(super) fn bytes(self) -> Bytes {
        self.0.into()
    }
}

pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn id(&mut self) -> Option<u128> {
        self.take().map(u128::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn wait(&mut self) -> Option<WaitKey> {
        Some(WaitKey {
            run: RunId(self.id()?),
            op: self.u32()?,
        })
    }

    /// Whether there is no text where there may be one.
    pub(super) fn no_text(&mut self) -> bool {
        let none = self.0.first() == Some(&0);
        if none {
            self.0 = &self.0[1..];
        }
        none
    }

    pub(super) fn text(&mut self) -> Option<Text<'static>> {
        match self.take::<1>()? {
            [1] => {
                let mut text = Vec::new();
                loop {
                    match self.take::<1>()? {
                        [0] => match self.take::<1>()? {
                            [0] => break,
                            [u8::MAX] => text.push(0),
                            _ => return None,
                        },
                        [byte] => text.push(byte),
                    }
                }
                String::from_utf8(text)
                    .ok()
                    .map(|text| Text::Plain(Cow::Owned(text)))
            }
            [2] => self.take().map(Text::Digest),
            _ => None,
        }
    }
}
