//! Commands on integers of any width within a string: BITFIELD BITFIELD_RO. Pure. Cost: O(bytes of the string), for any number
//! of fields.

use super::{change, checked_offset, is_set, write_bit, wrong_offset};
use crate::command::number::parse_integer;
use crate::command::options::is_option;
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::time::Millis;

/// The type of a field: i1 to i64, u1 to u63.
#[derive(Clone, Copy)]
struct Encoding {
    is_signed: bool,
    bits: u32,
}

/// The treatment of a value that does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overflow {
    /// Its lowest bits are stored.
    Wrap,
    /// The closest value that fits is stored.
    Saturate,
    /// Nothing is stored, and the reply is null.
    Fail,
}

/// The effect of a subcommand on its field.
#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

/// A subcommand: a field and what is done to it.
pub(super) struct Field {
    encoding: Encoding,
    /// Offset of its first bit.
    offset: usize,
    action: Action,
    overflow: Overflow,
}

impl Encoding {
    fn parse(argument: &[u8]) -> Result<Encoding, CommandError> {
        let (is_signed, digits) = match argument {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return Err(wrong_encoding()),
        };
        let most = if is_signed { 64 } else { 63 };
        let bits = parse_integer(digits).filter(|bits| (1..=most).contains(bits));
        let bits = bits.and_then(|bits| u32::try_from(bits).ok()).ok_or_else(wrong_encoding)?;
        Ok(Encoding { is_signed, bits })
    }

    fn min(self) -> i128 {
        if self.is_signed { -(1 << (self.bits - 1)) } else { 0 }
    }

    fn max(self) -> i128 {
        (1 << (self.bits - u32::from(self.is_signed))) - 1
    }

    /// The value whose lowest bits are those of `number`.
    fn wrap(self, number: i128) -> i128 {
        let low = number & ((1 << self.bits) - 1);
        if low > self.max() { low - (1 << self.bits) } else { low }
    }

    /// The value to store for `number`; `None`: it does not fit, and nothing is to be stored.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i128> {
        match overflow {
            _ if (self.min()..=self.max()).contains(&number) => Some(number),
            Overflow::Wrap => Some(self.wrap(number)),
            Overflow::Saturate => Some(number.clamp(self.min(), self.max())),
            Overflow::Fail => None,
        }
    }

    /// The offset in an argument; `#` counts fields of this width. Errors: those of [`super::offset`].
    fn offset(self, argument: &[u8]) -> Result<usize, CommandError> {
        let offset = match argument.strip_prefix(b"#") {
            Some(fields) => parse_integer(fields).and_then(|fields| fields.checked_mul(self.bits.into())),
            None => parse_integer(argument),
        };
        offset.and_then(checked_offset).ok_or_else(wrong_offset)
    }
}

fn wrong_encoding() -> CommandError {
    CommandError::err(
        "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
    )
}

impl Overflow {
    fn parse(argument: &[u8]) -> Result<Overflow, CommandError> {
        let names = [("wrap", Overflow::Wrap), ("sat", Overflow::Saturate), ("fail", Overflow::Fail)];
        let found = names.iter().find(|(known, _)| is_option(argument, known));
        found
            .map(|(_, overflow)| *overflow)
            .ok_or_else(|| CommandError::err("Invalid OVERFLOW type specified"))
    }
}

/// The subcommands of a BITFIELD. An OVERFLOW holds for those after it.
pub(super) fn parse(arguments: &[Vec<u8>]) -> Result<Vec<Field>, CommandError> {
    let (mut fields, mut overflow, mut rest) = (Vec::new(), Overflow::Wrap, arguments);
    loop {
        let (encoding, offset, number);
        (encoding, offset, number, rest) = match rest {
            [] => return Ok(fields),
            [name, encoding, offset, rest @ ..] if is_option(name, "get") => (encoding, offset, None, rest),
            [name, encoding, offset, number, rest @ ..]
                if is_option(name, "set") || is_option(name, "incrby") =>
            {
                (encoding, offset, Some((is_option(name, "set"), number)), rest)
            }
            [name, which, others @ ..] if is_option(name, "overflow") => {
                overflow = Overflow::parse(which)?;
                rest = others;
                continue;
            }
            _ => return Err(CommandError::syntax()),
        };
        let encoding = Encoding::parse(encoding)?;
        let offset = encoding.offset(offset)?;
        let action = match number {
            None => Action::Get,
            Some((sets, number)) => {
                let number = parse_integer(number).ok_or_else(CommandError::not_an_integer)?;
                if sets { Action::Set(number) } else { Action::Add(number) }
            }
        };
        fields.push(Field { encoding, offset, action, overflow });
    }
}

/// The offset of the last bit that a SET or INCRBY may write; `None`: there is none.
pub(super) fn last_written_bit(fields: &[Field]) -> Option<usize> {
    let writes = fields.iter().filter(|field| !matches!(field.action, Action::Get));
    writes.map(Field::last_bit).max()
}

impl Field {
    fn last_bit(&self) -> usize {
        self.offset + self.encoding.bits as usize - 1
    }

    /// The value of the field; bits beyond the end are zero.
    fn read(&self, bytes: &[u8]) -> i128 {
        let bits = self.offset..=self.last_bit();
        let number = bits.fold(0, |number, at| number << 1 | i128::from(is_set(bytes, at)));
        self.encoding.wrap(number)
    }

    fn write(&self, bytes: &mut [u8], mut number: i128) {
        for at in (self.offset..=self.last_bit()).rev() {
            write_bit(bytes, at, number & 1 == 1);
            number >>= 1;
        }
    }

    /// Whether a number that is too small is stored as the largest value. In Redis, the distance from the number to that value is
    /// a signed integer of 64 bits. If it overflows, the number is taken for one that is too large.
    fn saturates_upwards(&self, number: i64) -> bool {
        let distance = self.encoding.max() - i128::from(number);
        self.overflow == Overflow::Saturate && self.encoding.bits < 64 && distance > i64::MAX.into()
    }

    /// Does the subcommand to a string that has the field. Returns its reply.
    fn run(&self, bytes: &mut [u8]) -> Reply {
        let old = self.read(bytes);
        let wanted = match self.action {
            Action::Get => return integer(old),
            // An unsigned field takes a negative number as a number of 64 bits.
            Action::Set(number) if !self.encoding.is_signed => i128::from(number.cast_unsigned()),
            Action::Set(number) if self.saturates_upwards(number) => self.encoding.max(),
            Action::Set(number) => i128::from(number),
            Action::Add(increment) => old + i128::from(increment),
        };
        let Some(new) = self.encoding.fit(wanted, self.overflow) else { return Reply::Null };
        self.write(bytes, new);
        integer(if matches!(self.action, Action::Set(_)) { old } else { new })
    }
}

/// Every field fits into 64 bits with a sign.
fn integer(number: i128) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// BITFIELD creates the string, or makes it longer, even if every value was refused by OVERFLOW FAIL, as in Redis.
pub(super) fn bitfield(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let fields = parse(&argv[2..])?;
    match last_written_bit(&fields) {
        None => read(view, &argv[1], &fields),
        Some(last) => change(view, &argv[1], last, |bytes| {
            Reply::Array(fields.iter().map(|field| field.run(bytes)).collect())
        }),
    }
}

pub(super) fn bitfield_ro(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let fields = parse(&argv[2..])?;
    if last_written_bit(&fields).is_some() {
        return Err(CommandError::err("BITFIELD_RO only supports the GET subcommand"));
    }
    read(view, &argv[1], &fields)
}

fn read(view: &View<'_>, name: &[u8], fields: &[Field]) -> Outcome {
    let bytes = view.string(name)?.map(|(bytes, _)| bytes).unwrap_or_default();
    let values = fields.iter().map(|field| integer(field.read(&bytes)));
    Ok((Reply::Array(values.collect()), Effect::none()))
}
