//! The tests of `format`.

use std::fmt::Write as _;

use super::*;

fn about() -> About {
    About {
        abide: "0.0.0".to_owned(),
        began_ms: 7,
        parts: vec![String::new(), "environments/eu-1".to_owned()],
    }
}

fn digest(content: &[u8]) -> Digest {
    Sha256::digest(content).into()
}

/// Two rows and a deletion, a payload of two pieces, a component.
fn written() -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::begin(&mut file, &about()).unwrap();
    let mut rows = Vec::new();
    for (key, value) in [(b"a", Some(&b"1"[..])), (b"b", Some(&[])), (b"c", None)] {
        Row { key, value }.append_to(&mut rows);
    }
    writer.rows(1, 3, &rows).unwrap();
    let payload = vec![3; PIECE_BYTES + 5];
    for (kind, content) in [
        (FileKind::Payload, &payload[..]),
        (FileKind::Component, b"code"),
    ] {
        let len = content.len() as u64;
        writer
            .file((0, kind), &digest(content), (&mut &content[..], len))
            .unwrap();
    }
    writer.end().unwrap();
    file
}

/// Reads all of it: what sections there were.
fn read(file: &[u8]) -> Result<Vec<String>, BackupError> {
    let mut reader = Reader::open(file)?;
    assert_eq!(reader.about(), &about());
    let mut found = Vec::new();
    while let Some(section) = reader.next()? {
        found.push(match section {
            Section::Rows { part, mut rows } => {
                let mut said = format!("{part}:");
                while let Some((row, rest)) = split_row(rows) {
                    let _ = write!(said, " {}={:?}", row.key.escape_ascii(), row.value);
                    rows = rest;
                }
                said
            }
            Section::Piece {
                part,
                kind,
                offset,
                bytes,
                last,
                ..
            } => format!("{part}: {kind:?} {} at {offset} {last}", bytes.len()),
        });
    }
    Ok(found)
}

fn refusal(file: &[u8]) -> String {
    match read(file) {
        Err(error @ BackupError::Unusable(_)) => error.to_string(),
        other => panic!("it should be refused: {other:?}"),
    }
}

#[test]
fn what_was_written_is_read() {
    assert_eq!(
        read(&written()).unwrap(),
        [
            "1: a=Some([49]) b=Some([]) c=None",
            "0: Payload 1048576 at 0 false",
            "0: Payload 5 at 1048576 true",
            "0: Component 4 at 0 true",
        ]
    );
}

#[test]
fn a_cut_file_is_refused_wherever_it_was_cut() {
    let file = written();
    let places = (0..2_000).chain(file.len() - 2_000..file.len());
    for len in places {
        let said = refusal(&file[..len]);
        assert!(
            said.contains("cut off") || said.contains("does not begin like one"),
            "{len}: {said}"
        );
    }
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let file = written();
    let places = (0..400)
        .chain(file.len() - 400..file.len())
        .chain([PIECE_BYTES]);
    for place in places {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[place] ^= 1 << bit;
            refusal(&damaged);
        }
    }
}

#[test]
fn sections_that_are_missing_doubled_or_swapped_are_noticed() {
    let file = written();
    let mut bounds = vec![10];
    while let Some(&at) = bounds.last().filter(|at| **at < file.len()) {
        let len = u32::from_le_bytes(file[at + 3..at + 7].try_into().unwrap());
        bounds.push(at + 11 + len as usize);
    }
    assert_eq!(bounds.len(), 7);
    let section = |n: usize| &file[bounds[n]..bounds[n + 1]];
    let made = |order: &[usize]| {
        let sections = order.iter().flat_map(|n| section(*n));
        [&file[..10], &sections.copied().collect::<Vec<_>>()[..]].concat()
    };
    assert_eq!(made(&[0, 1, 2, 3, 4, 5]), file);
    for order in [
        &[0, 1, 2, 3, 5][..],
        &[0, 1, 1, 2, 3, 4, 5],
        &[0, 2, 3, 1, 4, 5],
        &[0, 5],
        &[1, 2],
        &[0, 1, 2, 3, 4, 5, 5],
    ] {
        refusal(&made(order));
    }
    assert!(refusal(&[&file[..], b"x"].concat()).contains("follows its end"));
}

#[test]
fn another_version_and_another_kind_of_file_are_told_apart() {
    let mut newer = written();
    newer[8] = 9;
    assert!(refusal(&newer).contains("version 9"));
    assert!(refusal(b"PK\x03\x04 something else").contains("does not begin like one"));
    assert!(refusal(b"").contains("does not begin like one"));
}

#[test]
fn a_file_that_leads_out_of_the_data_directory_is_refused() {
    for part in [
        "..",
        "/etc",
        "a/../b",
        "a/b/c",
        ".ssh",
        "a//b",
        "a\0",
        "restoring/..",
    ] {
        let about = About {
            parts: vec![part.to_owned()],
            ..about()
        };
        let mut file = Vec::new();
        let writer = Writer::begin(&mut file, &about).unwrap();
        writer.end().unwrap();
        assert!(refusal(&file).contains("directories"), "{part}");
    }
}

#[test]
fn a_backup_that_was_given_up_says_why() {
    let mut file = Vec::new();
    let writer = Writer::begin(&mut file, &about()).unwrap();
    writer.give_up("the disk is on fire").unwrap();
    assert!(refusal(&file).contains("the disk is on fire"));
}

#[test]
fn a_file_with_another_content_than_its_name_is_not_backed_up() {
    let mut writer = Writer::begin(Vec::new(), &about()).unwrap();
    let refused = writer.file(
        (0, FileKind::Payload),
        &digest(b"one"),
        (&mut &b"two"[..], 3),
    );
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("does not fit its digest"), "{said}");
    let short = writer.file(
        (0, FileKind::Payload),
        &digest(b"one"),
        (&mut &b"on"[..], 3),
    );
    assert!(short.is_err());
}
