//! A reader of the pickles that `torch.save` writes. It builds plain data and the handful of torch's own records; any
//! other callable is refused by name, and nothing is ever run.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::value::{Value, tensor_record};
use super::{WeightsError, malformed};

/// More nesting or values than any state dict has.
const MOST_VALUES: usize = 10_000_000;

const ORDERED_DICT: &str = "collections.OrderedDict";
const REBUILD_TENSOR: &str = "torch._utils._rebuild_tensor_v2";
const REBUILD_PARAMETER: &str = "torch._utils._rebuild_parameter";

fn allowed(global: &str) -> bool {
    let storage =
        global.strip_prefix("torch.").is_some_and(|name| name.ends_with("Storage") && !name.contains('.'));
    storage || matches!(global, ORDERED_DICT | REBUILD_TENSOR | REBUILD_PARAMETER | "torch.Size")
}

/// Reads one pickle; returns its value and how many bytes it took.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, usize), WeightsError> {
    let mut machine =
        Machine { bytes, at: 0, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), made: 0 };
    let value = machine.run()?;
    Ok((value, machine.at))
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    /// Heights of the stack at open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    made: usize,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, WeightsError> {
        loop {
            let op = self.byte()?;
            if op == b'.' {
                return self.pop();
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Result<(), WeightsError> {
        match op {
            // PROTO, FRAME: nothing to be kept.
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            // None, true, false.
            b'N' | 0x88 | 0x89 => self.push(Value::Other)?,
            b'K' => {
                let value = i64::from(self.byte()?);
                self.push(Value::Int(value))?;
            }
            b'M' => {
                let value = i64::from(u16::from_le_bytes(self.array()?));
                self.push(Value::Int(value))?;
            }
            b'J' => {
                let value = i64::from(i32::from_le_bytes(self.array()?));
                self.push(Value::Int(value))?;
            }
            0x8a => self.long()?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Other)?;
            }
            b'X' | b'T' | b'B' => self.string(op, 4)?,
            0x8c | b'U' | b'C' => self.string(op, 1)?,
            0x8d => self.string(op, 8)?,
            b'}' => self.push(Value::Dict(Rc::default()))?,
            b']' => self.push(Value::List(Rc::default()))?,
            b')' => self.push(Value::Tuple(Rc::new([])))?,
            b't' => {
                let items = self.above_mark()?;
                self.push(Value::Tuple(items.into()))?;
            }
            0x85..=0x87 => {
                let from = self.height(usize::from(op - 0x84))?;
                let items = self.stack.split_off(from);
                self.push(Value::Tuple(items.into()))?;
            }
            b's' => self.set_items(2)?,
            b'u' => {
                let count = self.since_mark()?;
                self.set_items(count)?;
            }
            b'a' => self.append(1)?,
            b'e' => {
                let count = self.since_mark()?;
                self.append(count)?;
            }
            b'q' => {
                let slot = u32::from(self.byte()?);
                self.keep(slot)?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.keep(slot)?;
            }
            0x94 => self.keep(self.memo.len() as u32)?,
            b'h' => {
                let slot = u32::from(self.byte()?);
                self.recall(slot)?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.recall(slot)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop_str()?, self.pop_str()?);
                self.global(&module, &name)?;
            }
            b'Q' => {
                let Value::Tuple(id) = self.pop()? else {
                    return malformed("a persistent id that is no tuple");
                };
                self.push(Value::Storage(id))?;
            }
            b'R' | 0x81 => self.call()?,
            b'b' => {
                // State of an OrderedDict (`_metadata`): nothing that is wanted.
                self.pop()?;
                match self.stack.last() {
                    Some(Value::Dict(_)) => {}
                    _ => return malformed("a state for something that has none"),
                }
            }
            b'0' => drop(self.pop()?),
            other => {
                return malformed(format!(
                    "an unknown pickle instruction, 0x{other:02x}, at byte {}",
                    self.at - 1
                ));
            }
        }
        Ok(())
    }

    /// REDUCE and NEWOBJ, for the callables that are known here.
    fn call(&mut self) -> Result<(), WeightsError> {
        let (Value::Tuple(arguments), callable) = (self.pop()?, self.pop()?) else {
            return malformed("a call without a tuple of arguments");
        };
        let Value::Global(name) = callable else { return malformed("a call of something that is no name") };
        let value = match &*name {
            ORDERED_DICT => {
                let dict = Rc::new(RefCell::new(Vec::new()));
                if let Some(Value::List(pairs)) = arguments.first() {
                    for pair in pairs.borrow().iter() {
                        if let Value::Tuple(pair) = pair
                            && let [key, value] = &**pair
                        {
                            dict.borrow_mut().push((key.clone(), value.clone()));
                        }
                    }
                }
                Value::Dict(dict)
            }
            REBUILD_TENSOR => Value::Tensor(Rc::new(tensor_record(&arguments)?)),
            REBUILD_PARAMETER => match arguments.first() {
                Some(Value::Tensor(record)) => Value::Tensor(Rc::clone(record)),
                _ => return malformed("a parameter without a tensor"),
            },
            "torch.Size" => arguments.first().cloned().unwrap_or(Value::Other),
            // A storage type is named, never called.
            other => return Err(WeightsError::Code(other.to_owned())),
        };
        self.push(value)
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), WeightsError> {
        let global = format!("{module}.{name}");
        if !allowed(&global) {
            return Err(WeightsError::Code(global));
        }
        self.push(Value::Global(global.into()))
    }

    fn set_items(&mut self, count: usize) -> Result<(), WeightsError> {
        if !count.is_multiple_of(2) {
            return malformed("a key without a value");
        }
        let items = self.stack.split_off(self.height(count)?);
        let Some(Value::Dict(dict)) = self.stack.last() else {
            return malformed("items for something that is no dict");
        };
        let mut dict = dict.borrow_mut();
        dict.extend(items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())));
        Ok(())
    }

    fn append(&mut self, count: usize) -> Result<(), WeightsError> {
        let items = self.stack.split_off(self.height(count)?);
        let Some(Value::List(list)) = self.stack.last() else {
            return malformed("items for something that is no list");
        };
        list.borrow_mut().extend(items);
        Ok(())
    }

    fn string(&mut self, op: u8, width: usize) -> Result<(), WeightsError> {
        let mut length = [0; 8];
        length[..width].copy_from_slice(self.take(width)?);
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
        let bytes = self.take(length)?;
        let value = match op {
            b'B' | b'C' => Value::Other,
            // Python 2's byte strings are names here, in ASCII.
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => Value::Str(text.into()),
                Err(_) => return malformed("a string that is no UTF-8"),
            },
        };
        self.push(value)
    }

    /// LONG1: little-endian, two's complement.
    fn long(&mut self) -> Result<(), WeightsError> {
        let width = usize::from(self.byte()?);
        let bytes = self.take(width)?;
        let negative = bytes.last().is_some_and(|top| top & 0x80 != 0);
        // Torch's magic number is wider than 64 bits; its low half is what is compared.
        let mut value = [if negative { 0xff } else { 0 }; 8];
        for (to, from) in value.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.push(Value::Int(i64::from_le_bytes(value)))
    }

    fn keep(&mut self, slot: u32) -> Result<(), WeightsError> {
        let Some(top) = self.stack.last() else { return malformed("nothing to keep") };
        self.memo.insert(slot, top.clone());
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), WeightsError> {
        match self.memo.get(&slot).cloned() {
            Some(value) => self.push(value),
            None => malformed("it refers to something that is not there"),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), WeightsError> {
        self.made += 1;
        if self.made > MOST_VALUES {
            return malformed("it is no state dict: far too many values");
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, WeightsError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return malformed("the pickle takes more than it gave");
        }
        self.stack.pop().map_or_else(|| malformed("the pickle takes more than it gave"), Ok)
    }

    fn pop_str(&mut self) -> Result<String, WeightsError> {
        match self.pop()? {
            Value::Str(text) => Ok(text.to_string()),
            _ => malformed("a name that is no string"),
        }
    }

    fn above_mark(&mut self) -> Result<Vec<Value>, WeightsError> {
        let count = self.since_mark()?;
        Ok(self.stack.split_off(self.height(count)?))
    }

    /// Closes the last mark; how many values lie above it.
    fn since_mark(&mut self) -> Result<usize, WeightsError> {
        let Some(mark) = self.marks.pop() else { return malformed("an end without a beginning") };
        self.stack.len().checked_sub(mark).map_or_else(|| malformed("an end before its beginning"), Ok)
    }

    fn height(&self, count: usize) -> Result<usize, WeightsError> {
        self.stack
            .len()
            .checked_sub(count)
            .map_or_else(|| malformed("the pickle takes more than it gave"), Ok)
    }

    fn byte(&mut self) -> Result<u8, WeightsError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WeightsError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn take(&mut self, count: usize) -> Result<&[u8], WeightsError> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { return malformed("it ends in the middle") };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn line(&mut self) -> Result<String, WeightsError> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return malformed("a name without an end");
        };
        let text = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(text)
    }
}
