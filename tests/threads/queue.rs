//! The group-commit queue.

use replicheck::queue::{NotQueued, Queue};
use std::thread;

#[test]
fn queue_many_producers_each_in_order_nothing_lost() {
    let queue = Queue::new(usize::MAX);
    let mut taken: Vec<(u32, u32)> = Vec::new();
    thread::scope(|scope| {
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let queue = &queue;
                scope.spawn(move || (0..1000).for_each(|at| queue.push((producer, at)).expect("room")))
            })
            .collect();
        let queue = &queue;
        scope.spawn(move || {
            producers.into_iter().for_each(|producer| producer.join().expect("no panic"));
            queue.close();
        });
        let mut group = Vec::new();
        while queue.take(&mut group) {
            assert!(!group.is_empty());
            taken.append(&mut group);
        }
    });
    for producer in 0..4 {
        let of_it: Vec<u32> = taken.iter().filter(|(by, _)| *by == producer).map(|(_, at)| *at).collect();
        assert_eq!(of_it, (0..1000).collect::<Vec<_>>());
    }
    assert_eq!(taken.len(), 4000);
}

#[test]
fn queue_full_or_closed_takes_nothing_in() {
    let queue = Queue::new(2);
    assert_eq!([queue.push(1), queue.push(2), queue.push(3)], [Ok(()), Ok(()), Err(NotQueued::Full)]);
    let mut group = vec![9];
    assert!(queue.take(&mut group));
    assert_eq!(group, [1, 2], "the group holds all queued items, and no longer its old ones");
    assert_eq!(queue.push(4), Ok(()));
    queue.close();
    assert_eq!(queue.push(5), Err(NotQueued::Closed));
    assert!(queue.take(&mut group), "items that were queued before are still taken");
    assert_eq!(group, [4]);
    assert!(!queue.take(&mut group) && group.is_empty());
}
