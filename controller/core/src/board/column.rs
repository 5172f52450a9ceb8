//! Columns of numbers in as few bytes as lose nothing.

/// How the numbers of a column are written, little-endian. In the integer encodings the largest number there is stands for
/// nothing, which is NaN in the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    F64,
    F32,
    /// The number is `offset` plus this.
    U32,
    U16,
    U8,
    /// All are `offset`; no data.
    Constant,
}

/// A packed column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub encoding: Encoding,
    /// Of integers and constants; else 0.
    pub offset: f64,
    pub data: Vec<u8>,
}

impl Column {
    /// Bytes on the wire, about.
    pub fn size(&self) -> usize {
        self.data.len() + 16
    }
}

/// Packs numbers; NaN is nothing, and all NaNs are one.
pub fn pack(values: &[f64]) -> Column {
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|value| same(*value, first)) {
        return Column { encoding: Encoding::Constant, offset: first, data: Vec::new() };
    }
    if let Some(column) = integers(values) {
        return column;
    }
    if values.iter().all(|value| same(f64::from(*value as f32), *value)) {
        let data = values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect();
        return Column { encoding: Encoding::F32, offset: 0.0, data };
    }
    let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Column { encoding: Encoding::F64, offset: 0.0, data }
}

/// The same number to the last bit.
fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// As distances from the least of them, where those are whole and 32 bits hold them.
fn integers(values: &[f64]) -> Option<Column> {
    let offset = values.iter().copied().fold(f64::NAN, f64::min);
    let mut distances = Vec::with_capacity(values.len());
    let mut largest = 0_u32;
    for &value in values {
        if value.is_nan() {
            distances.push(None);
            continue;
        }
        let distance = value - offset;
        let whole = distance as u32;
        // What is too large, broken, or lost by rounding is not the same again.
        if whole == u32::MAX || !same(offset + f64::from(whole), value) {
            return None;
        }
        largest = largest.max(whole);
        distances.push(Some(whole));
    }
    let (encoding, width) = match largest {
        0..0xff => (Encoding::U8, 1),
        0xff..0xffff => (Encoding::U16, 2),
        _ => (Encoding::U32, 4),
    };
    let bytes = |distance: Option<u32>| distance.unwrap_or(u32::MAX).to_le_bytes().into_iter().take(width);
    Some(Column { encoding, offset, data: distances.into_iter().flat_map(bytes).collect() })
}

/// Reads so many numbers back; `None`: the data are of another length.
pub fn unpack(column: &Column, rows: usize) -> Option<Vec<f64>> {
    let width = match column.encoding {
        Encoding::F64 => 8,
        Encoding::F32 | Encoding::U32 => 4,
        Encoding::U16 => 2,
        Encoding::U8 => 1,
        Encoding::Constant => return column.data.is_empty().then(|| vec![column.offset; rows]),
    };
    if column.data.len() != rows * width {
        return None;
    }
    let number = |bytes: &[u8]| {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(bytes);
        match column.encoding {
            Encoding::F64 => f64::from_le_bytes(wide),
            Encoding::F32 => f64::from(f32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]])),
            _ => {
                let whole = u64::from_le_bytes(wide);
                let nothing = whole == (1 << (8 * width)) - 1;
                if nothing { f64::NAN } else { column.offset + whole as f64 }
            }
        }
    };
    Some(column.data.chunks_exact(width).map(number).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_column_takes_the_least_room_that_loses_nothing() {
        let nan = f64::NAN;
        for (values, encoding) in [
            (vec![], Encoding::Constant),
            (vec![nan, nan], Encoding::Constant),
            (vec![0.1, 0.1], Encoding::Constant),
            (vec![7.0, 7.0 + 254.0, nan], Encoding::U8),
            (vec![7.0, 7.0 + 255.0], Encoding::U16),
            (vec![-3.0, 65_531.0], Encoding::U16),
            (vec![-3.0, 65_532.0], Encoding::U32),
            (vec![1.7e12, 1.7e12 + 4.2e9, nan], Encoding::U32),
            (vec![1.5, 2.5], Encoding::U8),
            (vec![0.25, 1.5, nan], Encoding::F32),
            (vec![0.0, f64::INFINITY], Encoding::F32),
            (vec![-0.0, 0.0], Encoding::F32),
            (vec![0.1, 0.2], Encoding::F64),
            (vec![0.0, 1e300], Encoding::F64),
        ] {
            assert_eq!(pack(&values).encoding, encoding, "{values:?}");
        }
    }

    #[test]
    fn a_column_of_another_length_is_not_read() {
        assert_eq!(unpack(&pack(&[1.0, 2.0]), 3), None);
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>(),
            Just(f64::NAN),
            (-70_000..70_000_i32).prop_map(f64::from),
            any::<f32>().prop_map(f64::from),
            any::<u32>().prop_map(f64::from),
        ]
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back_to_the_bit(values in prop_oneof![
            prop::collection::vec(number(), 0..50),
            prop::collection::vec((0..300_u32).prop_map(f64::from), 0..50),
            prop::collection::vec(any::<f32>().prop_map(f64::from), 0..50),
        ]) {
            let back = unpack(&pack(&values), values.len()).expect("is as long");
            prop_assert!(values.iter().zip(&back).all(|(a, b)| same(*a, *b)), "{:?} {:?}", values, back);
        }
    }
}
