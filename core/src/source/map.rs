//! From the bytes of a string to where they were written.

use std::ops::Range;

use super::{Span, offset};

/// Where the bytes of a string come from, piece by piece. The pieces cover the string without gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct TextMap {
    pieces: Vec<Piece>,
    length: u32,
}

/// A run of bytes of the string with one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first byte of the string that it is about; it ends where the next one begins.
    pub at: u32,
    /// Where it was written.
    pub span: Span,
    /// Whether each byte stands in the span as it is. Else the whole run comes from the whole span: an escape sequence, a
    /// folded line end, a placeholder.
    pub verbatim: bool,
}

impl TextMap {
    /// The map of a string that is still empty; `from` is where an empty string stands.
    pub fn new(from: Span) -> Self {
        Self { pieces: vec![Piece { at: 0, span: from, verbatim: false }], length: 0 }
    }

    /// A string of this many bytes that all come from one span.
    pub fn whole(length: usize, span: Span) -> Self {
        let mut map = Self::new(span);
        map.push_whole(length, span);
        map
    }

    /// Goes on with bytes that stand at the start of a span as they are.
    pub fn push_verbatim(&mut self, length: usize, from: Span) {
        let span = Span { end: from.start.saturating_add(offset(length)), ..from };
        let at = self.length;
        self.length = self.length.saturating_add(offset(length));
        if length == 0 {
            return;
        }
        match self.pieces.last_mut() {
            Some(last)
                if last.verbatim
                    && last.span.file == span.file
                    && last.span.end == span.start
                    && last.at < at =>
            {
                last.span.end = span.end;
            }
            _ => self.push(Piece { at, span, verbatim: true }),
        }
    }

    /// Goes on with bytes that come from a span as a whole.
    pub fn push_whole(&mut self, length: usize, span: Span) {
        let at = self.length;
        self.length = self.length.saturating_add(offset(length));
        if length > 0 {
            self.push(Piece { at, span, verbatim: false });
        }
    }

    /// Goes on with a stretch of another string, whose map this is.
    pub fn push_mapped(&mut self, range: Range<usize>, map: &Self) {
        let (start, end) = (offset(range.start), offset(range.end).min(map.length));
        let first = map.index(start);
        for (at, piece) in map.pieces.iter().enumerate().skip(first) {
            if piece.at >= end {
                break;
            }
            let until = map.pieces.get(at + 1).map_or(map.length, |next| next.at).min(end);
            let from = piece.at.max(start);
            let length = usize::try_from(until.saturating_sub(from)).unwrap_or_default();
            if piece.verbatim {
                let start = piece.span.start.saturating_add(from - piece.at);
                self.push_verbatim(length, Span { start, ..piece.span });
            } else {
                self.push_whole(length, piece.span);
            }
        }
    }

    /// Length of the string, in bytes.
    pub fn len(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// Whether the string is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Where a range of bytes was written. A range over several files is where it begins.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = offset(range.start).min(self.length);
        let end = offset(range.end).clamp(start, self.length);
        let first = self.piece(self.index(start));
        let from = match first {
            Piece { verbatim: true, at, span } => {
                Span { start: span.start.saturating_add(start - at), ..span }
            }
            // Behind the last byte.
            Piece { span, .. } if start == self.length && start > 0 => Span { start: span.end, ..span },
            Piece { span, .. } => span,
        };
        if end == start {
            return if first.verbatim { from.head() } else { from };
        }
        let last = self.piece(self.index(end - 1));
        let until = if last.verbatim { last.span.start.saturating_add(end - last.at) } else { last.span.end };
        if last.span.file == from.file && until >= from.start { Span { end: until, ..from } } else { from }
    }

    fn push(&mut self, piece: Piece) {
        // What stood for the empty string gives way to its first bytes.
        if piece.at == 0 {
            self.pieces.clear();
        }
        self.pieces.push(piece);
    }

    /// The piece that a byte belongs to.
    fn index(&self, at: u32) -> usize {
        self.pieces.partition_point(|piece| piece.at <= at).saturating_sub(1)
    }

    fn piece(&self, index: usize) -> Piece {
        let none = Span { file: super::FileId(u32::MAX), start: 0, end: 0 };
        self.pieces.get(index).copied().unwrap_or(Piece { at: 0, span: none, verbatim: false })
    }
}
