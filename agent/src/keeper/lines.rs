//! From bytes to lines of text.

/// Longest line in bytes; the rest of a longer one is dropped, with a mark.
pub(crate) const LONGEST: usize = 1 << 20;
const CUT: &str = " [cut: the line was longer than 1 MiB]";

/// Cuts a stream into lines. A carriage return ends a line as well, so each state of a progress bar is one; empty
/// lines around carriage returns are dropped.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    held: Vec<u8>,
    cut: bool,
    after_return: bool,
}

impl Lines {
    /// Takes what was read; returns the lines that ended in it.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.hold(&bytes[..at]);
            let by_return = bytes[at] == b'\r';
            if !self.held.is_empty() || !(by_return || self.after_return) {
                out.push(self.line());
            }
            self.after_return = by_return;
            bytes = &bytes[at + 1..];
        }
        self.hold(bytes);
        out
    }

    /// What stood behind the last line's end, when the stream is over.
    pub(crate) fn rest(mut self) -> Option<String> {
        (!self.held.is_empty()).then(|| self.line())
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = LONGEST - self.held.len();
        self.cut |= bytes.len() > room;
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self) -> String {
        let mut line = String::from_utf8_lossy(&self.held).into_owned();
        if std::mem::take(&mut self.cut) {
            line.push_str(CUT);
        }
        self.held.clear();
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunks: &[&str], expected: &[&str]) {
        let mut lines = Lines::default();
        let mut found: Vec<_> = chunks.iter().flat_map(|chunk| lines.take(chunk.as_bytes())).collect();
        found.extend(lines.rest());
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_end_at_newlines_wherever_reads_fall() {
        check(&["a\nb", "c\n\nd"], &["a", "bc", "", "d"]);
        check(&["", "\n"], &[""]);
    }

    #[test]
    fn progress_bars_are_lines_without_empty_ones() {
        check(&["\r 10%\r 20%", "\r\n", "done\r\n"], &[" 10%", " 20%", "done"]);
    }

    #[test]
    fn long_lines_are_cut_with_a_mark() {
        let mut lines = Lines::default();
        let mut found = lines.take(&vec![b'x'; LONGEST]);
        found.extend(lines.take(b"yz\nnext\n"));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].len(), LONGEST + CUT.len());
        assert!(found[0].ends_with(CUT));
        assert_eq!(found[1], "next");
    }

    #[test]
    fn what_is_not_utf8_is_marked() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"a\xffb\n"), ["a\u{fffd}b"]);
    }
}
