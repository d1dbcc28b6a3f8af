//! Tests of the bytes of metadata records and of elements.

use super::record::*;
use crate::time::Millis;

fn hash(count: u64, last: Option<u64>, deadline: Option<u64>) -> Record {
    let collection = Collection { incarnation: 7, count };
    Record { deadline: deadline.map(Millis), value: Value::Hash(collection, last.map(Millis)) }
}

#[test]
fn hash_dies_at_its_deadline_or_with_its_last_field() {
    for (count, last, deadline, expected) in [
        (1, None, None, None),
        (1, None, Some(50), Some(50)),
        (1, Some(0), None, None),
        (1, Some(90), None, None),
        (1, Some(90), Some(50), Some(50)),
        (0, Some(90), None, Some(90)),
        (0, Some(90), Some(50), Some(50)),
        (0, Some(90), Some(95), Some(90)),
    ] {
        let record = hash(count, last, deadline);
        let bytes = record.encode();
        assert_eq!(Record::decode(b"k", &bytes).as_ref(), Ok(&record));
        let metadata = Metadata::decode(b"k", &bytes).expect("a record");
        let expected = expected.map(Millis);
        let told = [record.dies_at(), metadata.dies_at(), dies_at_of(&bytes)];
        assert_eq!(told, [expected; 3], "{record:?}");
        assert_eq!(metadata.life().map(|life| life.has_deadlines), Some(last.is_some()));
    }
}

#[test]
fn element_with_a_deadline_is_read_until_it_is_reached() {
    let raw = encode_field(b"v", Some(Millis(50)));
    assert_eq!(decode_element(b"k", &raw, Millis(49)), Ok(Some(b"v".to_vec())));
    assert_eq!(decode_element(b"k", &raw, Millis(50)), Ok(None));
    assert_eq!(encode_field(b"v", None), encode_element(b"v"));
    for damaged in [&[1, 0, 0][..], &[2], &[]] {
        assert!(decode_element(b"k", damaged, Millis(0)).is_err(), "{damaged:?}");
    }
}

#[test]
fn sorted_set_record_has_a_tag_of_its_own_from_two_levels_on() {
    let collection = Collection { incarnation: 7, count: 258 };
    let bytes = |tag: u8, rest: &[u8]| {
        [
            &[tag, 0, 0, 0, 0, 0, 0, 0, 50],
            [0, 0, 0, 0, 0, 0, 0, 7].as_slice(),
            &[0, 0, 0, 0, 0, 0, 1, 2],
            rest,
        ]
        .concat()
    };
    for (levels, expected, version) in
        [(Levels::Zero, bytes(4, &[0]), 2), (Levels::One, bytes(4, &[1]), 2), (Levels::Two, bytes(6, &[]), 4)]
    {
        let record = Record { deadline: Some(Millis(50)), value: Value::SortedSet(collection, levels) };
        assert_eq!(record.encode(), expected, "{levels:?}");
        assert_eq!(Record::decode(b"k", &expected).as_ref(), Ok(&record));
        let metadata = Metadata::decode(b"k", &expected).expect("a record");
        assert_eq!((metadata.kind, metadata.collection), (Type::SortedSet, Some(collection)));
        assert_eq!(version_of_type(&expected), version, "{levels:?}");
    }
    for damaged in [bytes(4, &[]), bytes(4, &[2]), bytes(6, &[1]), bytes(7, &[])] {
        assert!(Record::decode(b"k", &damaged).is_err(), "{damaged:?}");
    }
}
