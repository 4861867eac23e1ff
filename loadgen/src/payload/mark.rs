//! The marks of a template.

use bytes::BufMut;

use super::Fields;
use super::escape::Escape;
use crate::identity::IdentityRef;
use crate::shape;

/// The longest random field, in digits.
const LONGEST_FIELD: u64 = 65_536;

/// The marks with a name of their own.
pub(super) const NAMES: [&str; 6] = ["id", "seq", "run", "time", "key", "pad"];

/// What differs for each operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Id,
    Seq,
    Run,
    Time,
    Key,
    /// A number: the number of the field, the least and the greatest value.
    Int(u64, u64, u64),
    /// Hexadecimal digits: the number of the field, and how many.
    Rand(u64, u64),
    Pad,
    /// The number of a column of the data file, and how its value stands here.
    Column(usize, Escape),
}

impl Mark {
    /// The mark of this name, the `field`-th of its template, unless it is the
    /// name of a column.
    pub(super) fn named(name: &str, field: u64) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "seq" => Self::Seq,
            "run" => Self::Run,
            "time" => Self::Time,
            "key" => Self::Key,
            "pad" => Self::Pad,
            _ => return drawn(name, field),
        })
    }

    /// The number of its column.
    pub(super) fn column(self) -> Option<usize> {
        match self {
            Self::Column(column, _) => Some(column),
            Self::Id
            | Self::Seq
            | Self::Run
            | Self::Time
            | Self::Key
            | Self::Int(..)
            | Self::Rand(..)
            | Self::Pad => None,
        }
    }

    fn number(self, fields: &Fields<'_>) -> Option<u64> {
        let sequence = fields.identity.sequence;
        Some(match self {
            Self::Seq => sequence,
            Self::Time => fields.time,
            Self::Key => fields.shape.key(sequence),
            Self::Int(field, least, greatest) => {
                let span = u128::from(greatest - least) + 1;
                least + ((u128::from(fields.shape.field(field, sequence)) * span) >> 64) as u64
            }
            Self::Id | Self::Run | Self::Rand(..) | Self::Pad | Self::Column(..) => return None,
        })
    }

    /// Appends what it becomes; nothing for padding.
    pub(super) fn render(self, fields: &Fields<'_>, out: &mut impl BufMut) {
        match self {
            Self::Id => write_identity(fields.identity, out),
            Self::Run => out.put_slice(fields.identity.run.as_bytes()),
            Self::Rand(field, digits) => random(fields, field, digits, out),
            Self::Column(column, escape) => escape.write(value(fields, column), out),
            Self::Pad => {}
            Self::Seq | Self::Time | Self::Key | Self::Int(..) => {
                if let Some(number) = self.number(fields) {
                    write_number(number, out);
                }
            }
        }
    }

    /// How many bytes it becomes; none for padding.
    pub(super) fn width(self, fields: &Fields<'_>) -> usize {
        let IdentityRef { run, workload, sequence } = fields.identity;
        match self {
            Self::Id => run.len() + workload.len() + 2 + digits(sequence),
            Self::Run => run.len(),
            Self::Rand(_, digits) => digits as usize,
            Self::Column(column, escape) => escape.width(value(fields, column)),
            Self::Pad => 0,
            Self::Seq | Self::Time | Self::Key | Self::Int(..) => {
                self.number(fields).map_or(0, digits)
            }
        }
    }

    /// The same with the longest value of its column.
    pub(super) fn longest(self, fields: &Fields<'_>) -> usize {
        match (self, &fields.shape.data) {
            (Self::Column(column, escape), Some(data)) => {
                data.values(column).map(|value| escape.width(value)).max().unwrap_or(0)
            }
            (mark, _) => mark.width(fields),
        }
    }
}

fn value<'a>(fields: &Fields<'a>, column: usize) -> &'a [u8] {
    let Some(data) = &fields.shape.data else { return &[] };
    data.value(column, fields.identity.sequence, fields.shape)
}

fn random(fields: &Fields<'_>, field: u64, digits: u64, out: &mut impl BufMut) {
    let mut bits = fields.shape.field(field, fields.identity.sequence);
    for digit in 0..digits {
        if digit % 16 == 0 && digit > 0 {
            bits = shape::mix(bits.wrapping_add(digit));
        }
        let at = (bits >> (digit % 16 * 4)) & 15;
        out.put_u8(b"0123456789abcdef"[at as usize]);
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Reads `int:A-B` or `rand:N`.
fn drawn(name: &str, field: u64) -> Option<Mark> {
    let (kind, range) = name.split_once(':')?;
    match kind {
        "int" => {
            let (least, greatest) = range.split_once('-')?;
            let (least, greatest) = (least.parse().ok()?, greatest.parse().ok()?);
            (least <= greatest).then_some(Mark::Int(field, least, greatest))
        }
        "rand" => {
            let digits = range.parse().ok()?;
            (1..=LONGEST_FIELD).contains(&digits).then_some(Mark::Rand(field, digits))
        }
        _ => None,
    }
}

/// Appends `run/workload/sequence`.
pub fn write_identity(identity: IdentityRef<'_>, out: &mut impl BufMut) {
    out.put_slice(identity.run.as_bytes());
    out.put_slice(b"/");
    out.put_slice(identity.workload.as_bytes());
    out.put_slice(b"/");
    write_number(identity.sequence, out);
}

/// Appends a decimal number.
pub(crate) fn write_number(mut number: u64, out: &mut impl BufMut) {
    // 2⁶⁴ has 20 digits.
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}
