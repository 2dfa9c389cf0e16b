//! A batch: the writes that become durable together or not at all.

use bytes::Bytes;

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Set the key to the value.
    Put(Bytes, Bytes),
    /// Remove the key, whether or not it exists.
    Delete(Bytes),
}

impl Op {
    /// The key that the write touches.
    pub fn key(&self) -> &Bytes {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// A condition under which a commit takes place: the key has exactly this value (or is absent) when the commit is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The owner row.
    pub key: Bytes,
    /// Its expected value; `None` means that the key must be absent.
    pub expected: Option<Bytes>,
}

/// Writes in program order; a later write to a key replaces an earlier one. Applied atomically.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    ops: Vec<Op>,
    bytes: usize,
    fence: Option<Fence>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> &mut Self {
        let (key, value) = (key.into(), value.into());
        self.bytes += key.len() + value.len();
        self.ops.push(Op::Put(key, value));
        self
    }

    /// Removes a key.
    pub fn delete(&mut self, key: impl Into<Bytes>) -> &mut Self {
        let key = key.into();
        self.bytes += key.len();
        self.ops.push(Op::Delete(key));
        self
    }

    /// Makes the batch conditional, see [`Fence`].
    pub fn fenced(&mut self, fence: Fence) -> &mut Self {
        self.fence = Some(fence);
        self
    }

    /// The writes in program order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The writes, taken out of the batch.
    pub fn into_ops(self) -> Vec<Op> {
        self.ops
    }

    /// The condition, if there is one.
    pub fn fence(&self) -> Option<&Fence> {
        self.fence.as_ref()
    }

    /// The number of writes.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The bytes of all keys and values.
    pub fn byte_len(&self) -> usize {
        self.bytes
    }
}
