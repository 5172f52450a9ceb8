//! Writer and reader together.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::event::{Event, EventKind};
use super::samples::{checkpoint, line, point};
use super::*;

const ROOMY: Limits = Limits { backlog: 1 << 30, segment: 1 << 20 };

fn writer(folder: &TempDir, limits: Limits) -> SpoolWriter {
    SpoolWriter::create(folder.path(), limits).unwrap()
}

/// In memory where there is such a place: these tests put thousands of events on disk one by one.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn put(writer: &mut SpoolWriter, event: &Event) {
    writer.push(event).unwrap();
    writer.sync().unwrap();
}

fn read_from(folder: &TempDir, after: u64, limit: u64) -> Vec<Entry> {
    let mut reader = SpoolReader::open(folder.path()).unwrap();
    if after > 0 {
        reader.rewind_to(after);
    }
    std::iter::from_fn(|| reader.next(limit).unwrap()).collect()
}

fn events(entries: &[Entry]) -> Vec<Event> {
    let event = |entry: &Entry| match entry {
        Entry::Event(event) => Some(event.clone()),
        Entry::Skipped { .. } => None,
    };
    entries.iter().filter_map(event).collect()
}

/// The numbers that entries cover; they must follow each other.
fn numbers(entries: &[Entry]) -> Vec<u64> {
    let of = |entry: &Entry| match entry {
        Entry::Event(event) => event.seq..=event.seq,
        Entry::Skipped { from, to } => *from..=*to,
    };
    entries.iter().flat_map(of).collect()
}

fn segments(folder: &TempDir) -> usize {
    segment::list(folder.path()).unwrap().len()
}

#[test]
fn events_come_back_in_order_and_after_a_rewind_again() {
    let folder = folder();
    let mut writer = writer(&folder, Limits { backlog: 1 << 30, segment: 2000 });
    let mut all: Vec<_> = (1..=500).map(|seq| line(seq, &"x".repeat(seq as usize))).collect();
    all.push(line(501, &"y".repeat(1 << 20)));
    for event in &all {
        put(&mut writer, event);
    }
    assert!(segments(&folder) > 50);
    assert_eq!(events(&read_from(&folder, 0, 501)), all);
    assert_eq!(events(&read_from(&folder, 400, 501)), all[400..]);
}

#[test]
fn a_reader_sees_no_further_than_it_is_told() {
    let folder = folder();
    let mut writer = writer(&folder, ROOMY);
    put(&mut writer, &line(1, "a"));
    let mut reader = SpoolReader::open(folder.path()).unwrap();
    put(&mut writer, &line(2, "b"));
    assert_eq!(reader.next(1).unwrap(), Some(Entry::Event(line(1, "a"))));
    assert_eq!(reader.next(1).unwrap(), None);
    assert_eq!(reader.next(2).unwrap(), Some(Entry::Event(line(2, "b"))));
}

#[test]
fn acknowledged_segments_go_and_the_disk_stays_bounded() {
    let folder = folder();
    let mut writer = writer(&folder, Limits { backlog: 1 << 20, segment: 4096 });
    let mut reader = SpoolReader::open(folder.path()).unwrap();
    for seq in 1..=8_000 {
        put(&mut writer, &line(seq, "a line of some forty characters or so..."));
        // The controller is a hundred events behind.
        if seq > 100 {
            assert_eq!(reader.next(seq).unwrap().unwrap().last(), seq - 100);
            writer.acknowledge(seq - 100).unwrap();
        }
        assert!(writer.backlog() < 32 << 10);
    }
    let on_disk: u64 =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(on_disk < 32 << 10, "{on_disk}");
    assert_eq!(writer.dropped(), Dropped::default());
}

#[test]
fn what_was_removed_and_is_wanted_again_is_told_as_lost() {
    let folder = folder();
    let mut writer = writer(&folder, Limits { backlog: 1 << 20, segment: 200 });
    for seq in 1..=20 {
        put(&mut writer, &line(seq, "a line of some forty characters or so..."));
    }
    writer.acknowledge(10).unwrap();
    let entries = read_from(&folder, 4, 20);
    assert_eq!(numbers(&entries), (5..=20).collect::<Vec<_>>());
    assert!(
        matches!(&entries[0], Entry::Event(Event { kind: EventKind::Log { text, .. }, .. })
        if text.contains("events 5 to 9 ") && text.contains("could not be read back")),
        "{entries:?}"
    );
}

/// A spool of one segment with some of everything.
fn small(folder: &TempDir) -> Vec<Event> {
    let mut writer = writer(folder, ROOMY);
    let all = vec![
        line(1, "one"),
        point(2, &[("loss", 0.5)]),
        checkpoint(3),
        line(4, ""),
        point(5, &[("a", 1.0), ("b", 2.0)]),
    ];
    for event in &all {
        put(&mut writer, event);
    }
    all
}

/// Every number is there; each is its event, or told to be lost.
fn account(entries: &[Entry], all: &[Event], what: &str) -> usize {
    assert_eq!(numbers(entries), (1..=all.len() as u64).collect::<Vec<_>>(), "{what}");
    let mut lost = 0;
    let mut told_to = 0;
    for entry in entries {
        match entry {
            Entry::Event(event) if *event == all[event.seq as usize - 1] => {}
            Entry::Event(Event { seq, kind: EventKind::Log { text, .. }, .. }) => {
                assert!(
                    text.starts_with("warning: event")
                        && (text.contains("spool.") || text.contains("cut short")),
                    "{what}: {text}"
                );
                lost += 1;
                told_to = text
                    .split(" to ")
                    .nth(1)
                    .and_then(|rest| rest.split(' ').next()?.parse().ok())
                    .unwrap_or(*seq);
            }
            Entry::Event(event) => panic!("{what}: {event:?} was never pushed"),
            Entry::Skipped { from, to } => {
                assert!(*to <= told_to, "{what}: {from} to {to} are skipped in silence");
                lost += (to - from + 1) as usize;
            }
        }
    }
    lost
}

#[test]
fn every_flipped_bit_costs_the_events_it_hit_and_is_told() {
    let folder = folder();
    let all = small(&folder);
    let path = segment::path(folder.path(), 1);
    let bytes = fs::read(&path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bad).unwrap();
        let lost = account(&read_from(&folder, 0, 5), &all, &format!("bit {bit}"));
        // One record, and none where only the file's mark is hit.
        assert_eq!(lost, usize::from(bit >= 64), "bit {bit}");
    }
}

#[test]
fn a_tail_cut_at_any_byte_ends_the_spool_and_is_told() {
    let folder = folder();
    let all = small(&folder);
    let path = segment::path(folder.path(), 1);
    let bytes = fs::read(&path).unwrap();
    let mut whole = Vec::new();
    for cut in 0..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let end = tail(folder.path()).unwrap();
        // Its keeper is gone: what is whole is the spool.
        let entries = read_from(&folder, 0, end.last_seq);
        assert_eq!(events(&entries), all[..end.last_seq as usize], "cut at {cut}");
        if end.torn == 0 {
            whole.push(end.last_seq);
        }
        // Its keeper told of all five: what is missing is told.
        if cut >= 8 {
            let lost = account(&read_from(&folder, 0, 5), &all, &format!("cut at {cut}"));
            assert_eq!(lost as u64, 5 - end.last_seq);
        }
    }
    // Eight cuts within the mark, then one between each two records.
    assert_eq!(whole, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
}

#[test]
fn a_spool_of_another_version_is_refused() {
    let folder = folder();
    fs::write(segment::path(folder.path(), 1), b"SWSPOOL9 and then what nobody here can know about it")
        .unwrap();
    let mut reader = SpoolReader::open(folder.path()).unwrap();
    assert!(matches!(reader.next(5), Err(SpoolError::Version)));
    assert!(matches!(tail(folder.path()), Err(SpoolError::Version)));
}

/// Lines, points and checkpoint records under `limits`, as the keeper would keep them: thinned whenever it is too large.
fn flood(folder: &TempDir, limits: Limits, count: u64) -> (SpoolWriter, Vec<Event>) {
    let mut writer = writer(folder, limits);
    let mut all = Vec::new();
    let mut seq = 0;
    while seq < count {
        seq += 1;
        let event = match seq % 10 {
            0 => checkpoint(seq),
            at if at % 2 == 0 => point(seq, &[("loss", (seq as f64).sqrt())]),
            _ => line(seq, "a line of some forty characters or so..."),
        };
        put(&mut writer, &event);
        all.push(event);
        if writer.is_too_large() && writer.thin().unwrap() {
            seq += 1;
            let told = Event { seq, at_ms: 5, kind: EventKind::Dropped(writer.dropped()) };
            put(&mut writer, &told);
            all.push(told);
        }
    }
    (writer, all)
}

#[test]
fn thinning_bounds_the_disk_keeps_the_numbers_and_counts() {
    let folder = folder();
    let limits = Limits { backlog: 80_000, segment: 4_000 };
    let (writer, all) = flood(&folder, limits, 8_000);
    let last = all.len() as u64;
    assert!(writer.backlog() <= limits.backlog + 2 * limits.segment, "{}", writer.backlog());
    let entries = read_from(&folder, 0, last);
    assert_eq!(numbers(&entries), (1..=last).collect::<Vec<_>>());
    let kept = events(&entries);
    assert!(kept.iter().all(|event| *event == all[event.seq as usize - 1]));
    let count = |of: &[Event], class: fn(&EventKind) -> bool| {
        of.iter().filter(|event| class(&event.kind)).count() as u64
    };
    let lines = |kind: &EventKind| matches!(kind, EventKind::Log { .. });
    let points = |kind: &EventKind| matches!(kind, EventKind::Metrics { .. });
    let checkpoints = |kind: &EventKind| matches!(kind, EventKind::Checkpoint { .. });
    let dropped = writer.dropped();
    assert!(dropped.logs > 0 && dropped.points > 0);
    assert_eq!(count(&kept, lines) + dropped.logs, count(&all, lines));
    assert_eq!(count(&kept, points) + dropped.points, count(&all, points));
    assert_eq!(count(&kept, checkpoints), count(&all, checkpoints));
    // The final value is there, and the last word on what was dropped says it all.
    let last_point = |of: &[Event]| of.iter().rev().find(|event| points(&event.kind)).cloned();
    assert_eq!(last_point(&kept), last_point(&all));
    let told = kept.iter().rev().find_map(|event| match event.kind {
        EventKind::Dropped(dropped) => Some(dropped),
        _ => None,
    });
    assert_eq!(told, Some(dropped));
}

#[test]
fn a_reader_in_the_middle_of_a_thinning_misses_nothing_and_repeats_nothing() {
    let folder = folder();
    let limits = Limits { backlog: 25_000, segment: 1_000 };
    let mut writer = writer(&folder, limits);
    let mut reader = SpoolReader::open(folder.path()).unwrap();
    let mut read = Vec::new();
    let mut seq = 0;
    for _ in 0..3_000 {
        seq += 1;
        put(&mut writer, &line(seq, "a line of some forty characters or so..."));
        if seq % 7 == 0 {
            read.extend(reader.next(seq).unwrap());
        }
        if writer.is_too_large() && writer.thin().unwrap() {
            seq += 1;
            let kind = EventKind::Dropped(writer.dropped());
            put(&mut writer, &Event { seq, at_ms: 5, kind });
        }
    }
    read.extend(std::iter::from_fn(|| reader.next(seq).unwrap()));
    assert_eq!(numbers(&read), (1..=seq).collect::<Vec<_>>());
    let lost = events(&read)
        .iter()
        .any(|event| matches!(&event.kind, EventKind::Log { text, .. } if text.starts_with("warning")));
    assert!(!lost, "nothing is told as lost that was dropped by rule");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// However the controller's acknowledgements, restarts of the reader and thinnings fall: what arrives is every
    /// number once, each with its event or with nothing, and what arrived and what was dropped add up.
    #[test]
    fn resends_over_thinnings_and_restarts_are_exact(
        steps in prop::collection::vec((1_u64..80, 0_u8..10), 1..60),
        names in 1_usize..3,
    ) {
        let folder = folder();
        let limits = Limits { backlog: 8_000, segment: 500 };
        let mut writer = writer(&folder, limits);
        let mut reader = SpoolReader::open(folder.path()).unwrap();
        let mut stored: Vec<Option<Event>> = Vec::new();
        let (mut seq, mut lines, mut points) = (0, 0_u64, 0_u64);
        for (count, what) in steps.into_iter().cycle().take(50).chain([(1, 9)]) {
            for _ in 0..count {
                seq += 1;
                if seq % 3 == 0 {
                    points += 1;
                    let name = ["a", "b", "c"][seq as usize % names];
                    put(&mut writer, &point(seq, &[(name, seq as f64)]));
                } else {
                    lines += 1;
                    put(&mut writer, &line(seq, "a line of some forty characters or so..."));
                }
            }
            if writer.is_too_large() && writer.thin().unwrap() {
                seq += 1;
                let kind = EventKind::Dropped(writer.dropped());
            put(&mut writer, &Event { seq, at_ms: 5, kind });
            }
            // 0 to 5: an outage. 6: a new supervisor. Then a batch, whose answer may be lost.
            if what == 6 {
                reader = SpoolReader::open(folder.path()).unwrap();
            }
            if what > 6 {
                reader.rewind_to(stored.len() as u64);
                let most = if what == 9 { usize::MAX } else { 50 };
                let batch: Vec<_> = std::iter::from_fn(|| reader.next(seq).unwrap()).take(most).collect();
                for entry in batch {
                    match entry {
                        Entry::Event(event) => {
                            prop_assert_eq!(event.seq, stored.len() as u64 + 1);
                            stored.push(Some(event));
                        }
                        Entry::Skipped { from, to } => {
                            prop_assert_eq!(from, stored.len() as u64 + 1);
                            stored.extend((from..=to).map(|_| None));
                        }
                    }
                }
                if what != 8 {
                    writer.acknowledge(stored.len() as u64).unwrap();
                }
            }
        }
        prop_assert_eq!(stored.len() as u64, seq);
        let count = |class: fn(&EventKind) -> bool| {
            stored.iter().flatten().filter(|event| class(&event.kind)).count() as u64
        };
        let dropped = writer.dropped();
        // An answer that is lost may be followed by a thinning of what had arrived: then it is counted, though it is
        // there, and never the other way round.
        let arrived = (count(|kind| matches!(kind, EventKind::Log { .. })), count(|kind| matches!(kind, EventKind::Metrics { .. })));
        prop_assert!(arrived.0 + dropped.logs >= lines && arrived.1 + dropped.points >= points);
        prop_assert!(arrived.0 <= lines && arrived.1 <= points);
    }
}
