//! Where things stand: the same text read by a parser that keeps lines and columns. It only finds places; what a value
//! is, `decode` says.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::spec::problem::Place;

/// The place of a value, and of what is in it.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) shape: Shape,
}

#[derive(Debug)]
pub(super) enum Shape {
    /// As it is written, for a scalar without quotes and tag; what its value is depends on the reader.
    Plain(String),
    /// A scalar that is the same text or number to every reader.
    Settled,
    Sequence(Vec<Rc<Spot>>),
    Mapping(Vec<(Rc<Spot>, Rc<Spot>)>),
    /// What stands elsewhere, here again.
    Alias(Rc<Spot>),
}

/// The places of a text's first document; `None` where this parser does not understand it.
pub(super) fn find(text: &str) -> Option<Rc<Spot>> {
    let mut builder = Builder::default();
    for step in Parser::new_from_str(text) {
        let (event, span) = step.ok()?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.event(event, place(span))?;
    }
    builder.root
}

/// Where the second document begins.
pub(super) fn second_document(text: &str) -> Place {
    let starts = Parser::new_from_str(text).map_while(Result::ok);
    let mut starts = starts.filter(|(event, _)| matches!(event, Event::DocumentStart(_)));
    starts.nth(1).map_or(Place::START, |(_, span)| place(span))
}

fn place(span: Span) -> Place {
    let length = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place { line: span.start.line().max(1), column: span.start.col() + 1, length: length.max(1) }
}

struct Open {
    place: Place,
    anchor: usize,
    /// Of a mapping, keys and values by turns.
    children: Vec<Rc<Spot>>,
}

#[derive(Default)]
struct Builder {
    stack: Vec<Open>,
    anchors: HashMap<usize, Rc<Spot>>,
    root: Option<Rc<Spot>>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, place: Place) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let shape = match (style, tag) {
                    (ScalarStyle::Plain, None) => Shape::Plain(text.into_owned()),
                    _ => Shape::Settled,
                };
                self.close(Spot { place, shape }, anchor);
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                self.stack.push(Open { place, anchor, children: Vec::new() });
            }
            Event::SequenceEnd => {
                let Open { place, anchor, children } = self.stack.pop()?;
                self.close(Spot { place, shape: Shape::Sequence(children) }, anchor);
            }
            Event::MappingEnd => {
                let Open { place, anchor, children } = self.stack.pop()?;
                let pairs = children.chunks_exact(2).map(|pair| (Rc::clone(&pair[0]), Rc::clone(&pair[1])));
                self.close(Spot { place, shape: Shape::Mapping(pairs.collect()) }, anchor);
            }
            Event::Alias(id) => {
                let target = Rc::clone(self.anchors.get(&id)?);
                self.close(Spot { place, shape: Shape::Alias(target) }, 0);
            }
            _ => {}
        }
        Some(())
    }

    /// Puts a finished spot into whatever is open.
    fn close(&mut self, spot: Spot, anchor: usize) {
        let spot = Rc::new(spot);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&spot));
        }
        match self.stack.last_mut() {
            None => self.root = Some(spot),
            Some(open) => open.children.push(spot),
        }
    }
}
