//! Which way up a picture is, as its camera noted it: the EXIF tag `Orientation` (CIPA DC-008, table 4).

/// The tag's number, and the number of its type.
const TAG: u16 = 0x0112;
const SHORT: u16 = 3;

/// How pixels are to be read so that the picture stands upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation(u16);

impl Orientation {
    /// As it says in an EXIF block, from its TIFF header on; `None` where it says nothing that is known.
    pub(super) fn of_exif(tiff: &[u8]) -> Option<Self> {
        let big = match tiff.get(..4)? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let short = |at: usize| {
            let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
            Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        let bytes = tiff.get(4..8)?.try_into().ok()?;
        let directory = if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) } as usize;
        let entries = usize::from(short(directory)?);
        // Of an entry: tag, type, count, and a value that is this short.
        let mut places = (0..entries).map(|entry| directory + 2 + 12 * entry);
        let at = places.find(|&at| short(at) == Some(TAG) && short(at + 2) == Some(SHORT))?;
        short(at + 8).filter(|value| (1..=8).contains(value)).map(Self)
    }

    /// Turns RGB pixels of `width` times `height` upright; returns them with their width and height then.
    pub(super) fn upright(self, pixels: Vec<u8>, (width, height): (u32, u32)) -> (Vec<u8>, (u32, u32)) {
        if self.0 == 1 {
            return (pixels, (width, height));
        }
        let (w, h) = (width as usize, height as usize);
        let turned = self.0 >= 5;
        let (across, down) = if turned { (h, w) } else { (w, h) };
        // Where what is to be seen at (x, y) lies.
        let place = |x: usize, y: usize| match self.0 {
            2 => (w - 1 - x, y),
            3 => (w - 1 - x, h - 1 - y),
            4 => (x, h - 1 - y),
            5 => (y, x),
            6 => (y, h - 1 - x),
            7 => (w - 1 - y, h - 1 - x),
            8 => (w - 1 - y, x),
            _ => (x, y),
        };
        let mut upright = Vec::with_capacity(pixels.len());
        for y in 0..down {
            for x in 0..across {
                let (x, y) = place(x, y);
                upright.extend_from_slice(&pixels[3 * (y * w + x)..][..3]);
            }
        }
        (upright, if turned { (height, width) } else { (width, height) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An EXIF block with another tag before this one.
    fn exif(big: bool, value: u16) -> Vec<u8> {
        let mut out = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        let short = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let long = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        out.extend(long(8));
        out.extend(short(2));
        for (tag, value) in [(0x0100, 640), (TAG, value)] {
            out.extend(short(tag));
            out.extend(short(SHORT));
            out.extend(long(1));
            out.extend(short(value));
            out.extend([0; 2]);
        }
        out
    }

    #[test]
    fn the_tag_is_read_in_either_byte_order() {
        for value in 1..=8 {
            for big in [false, true] {
                assert_eq!(Orientation::of_exif(&exif(big, value)), Some(Orientation(value)));
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_unknown_says_nothing() {
        let whole = exif(false, 6);
        for end in 0..whole.len() - 2 {
            assert_eq!(Orientation::of_exif(&whole[..end]), None, "{end}");
        }
        for broken in [exif(true, 0), exif(true, 9), b"II*\0\xff\xff\xff\xff".to_vec(), b"JPEG".to_vec()] {
            assert_eq!(Orientation::of_exif(&broken), None);
        }
    }

    /// The letter F, three wide and five high, by the standard's words: where row 0 and column 0 of what is stored lie.
    #[test]
    fn each_of_the_eight_is_turned_upright() {
        let upright = ["###", "#..", "##.", "#..", "#.."];
        for (value, stored) in [
            (1, &["###", "#..", "##.", "#..", "#.."][..]),
            (2, &["###", "..#", ".##", "..#", "..#"]),
            (3, &["..#", "..#", ".##", "..#", "###"]),
            (4, &["#..", "#..", "##.", "#..", "###"]),
            (5, &["#####", "#.#..", "#...."]),
            (6, &["#....", "#.#..", "#####"]),
            (7, &["....#", "..#.#", "#####"]),
            (8, &["#####", "..#.#", "....#"]),
        ] {
            let pixels = |rows: &[&str]| -> Vec<u8> {
                rows.iter().flat_map(|row| row.bytes()).flat_map(|sign| [sign, 7, sign]).collect()
            };
            let size = (stored[0].len() as u32, stored.len() as u32);
            let (turned, size) = Orientation(value).upright(pixels(stored), size);
            assert_eq!((size, &turned), ((3, 5), &pixels(&upright)), "{value}");
        }
    }
}
