//! How many different values there are: exactly while they are few, then by a HyperLogLog.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::insights::number::{from_u64, from_usize};

/// Different values that are counted one by one.
const EXACT: usize = 16_384;

/// Bits of a hash that choose a register: an error of about 0.8 percent.
const BITS: u32 = 14;

/// The values so far.
#[derive(Debug, Clone)]
pub(super) enum Distinct {
    Exact(HashSet<u64>),
    /// The longest run of leading zeros a register, plus one.
    Registers(Vec<u8>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Exact(HashSet::new())
    }
}

impl Distinct {
    pub(super) fn add(&mut self, key: &[u8]) {
        // The same hash in every thread and run.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        self.add_hash(hasher.finish());
    }

    fn add_hash(&mut self, hash: u64) {
        match self {
            Self::Exact(hashes) => {
                hashes.insert(hash);
                if hashes.len() > EXACT {
                    self.spill();
                }
            }
            Self::Registers(registers) => {
                let zeros = (hash << BITS).leading_zeros().min(64 - BITS) + 1;
                let register = usize::try_from(hash >> (64 - BITS)).unwrap_or_default();
                if let (Some(known), Ok(zeros)) = (registers.get_mut(register), u8::try_from(zeros)) {
                    *known = zeros.max(*known);
                }
            }
        }
    }

    fn spill(&mut self) {
        let spilled = Self::Registers(vec![0; 1 << BITS]);
        if let Self::Exact(hashes) = std::mem::replace(self, spilled) {
            for hash in hashes {
                self.add_hash(hash);
            }
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        match other {
            Self::Exact(hashes) => hashes.into_iter().for_each(|hash| self.add_hash(hash)),
            Self::Registers(others) => {
                if matches!(self, Self::Exact(_)) {
                    self.spill();
                }
                if let Self::Registers(registers) = self {
                    for (known, other) in registers.iter_mut().zip(others) {
                        *known = other.max(*known);
                    }
                }
            }
        }
    }

    pub(super) fn count(&self) -> f64 {
        match self {
            Self::Exact(hashes) => from_usize(hashes.len()),
            Self::Registers(registers) => estimate(registers),
        }
    }
}

fn estimate(registers: &[u8]) -> f64 {
    let size = from_usize(registers.len());
    let sum: f64 = registers.iter().map(|zeros| (-f64::from(*zeros)).exp2()).sum();
    let raw = 0.7213 / (1.0 + 1.079 / size) * size * size / sum;
    let empty = from_u64(registers.iter().map(|zeros| u64::from(*zeros == 0)).sum());
    let small = raw <= 2.5 * size && empty > 0.0;
    (if small { size * (size / empty).ln() } else { raw }).round()
}
