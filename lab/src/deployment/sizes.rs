//! How many pods each replica set is to have: the arithmetic of a rolling update, as the
//! deployment controller of Kubernetes does it (`pkg/controller/deployment`), in pure
//! functions of counts.

use super::amount::Room;

/// A replica set, as the arithmetic sees it. Sets are in the order of their revisions,
/// the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// How many pods it is to have.
    pub(crate) size: u32,
    /// How many of them are available.
    pub(crate) available: u32,
}

fn total(sets: &[Count]) -> u32 {
    sets.iter().map(|set| set.size).sum()
}

/// The next step of a rolling update to the last of the sets: their new sizes, or nothing
/// where it is done or has to wait. The new set grows into the room above the desired
/// number; then the old ones give up what is not needed to keep the pods available.
pub(crate) fn roll(sets: &[Count], replicas: u32, room: Room) -> Option<Vec<u32>> {
    grow(sets, replicas, room).or_else(|| shrink(sets, replicas, room))
}

fn grow(sets: &[Count], replicas: u32, room: Room) -> Option<Vec<u32>> {
    let mut sizes: Vec<u32> = sets.iter().map(|set| set.size).collect();
    let new = sizes.last_mut()?;
    let before = *new;
    let free = (replicas + room.surge).saturating_sub(total(sets));
    *new = if before > replicas { replicas } else { before + free.min(replicas - before) };
    (*new != before).then_some(sizes)
}

fn shrink(sets: &[Count], replicas: u32, room: Room) -> Option<Vec<u32>> {
    let (new, old) = sets.split_last()?;
    let least = replicas - room.unavailable;
    // New pods that are not available yet will need the room that is left.
    let not_yet = new.size.saturating_sub(new.available);
    let mut may_go = total(sets).saturating_sub(least + not_yet);
    let mut sizes: Vec<u32> = sets.iter().map(|set| set.size).collect();
    // Pods that serve nobody go first, whatever set they are of.
    for (size, set) in sizes.iter_mut().zip(old) {
        let gone = may_go.min(set.size.saturating_sub(set.available));
        (*size, may_go) = (*size - gone, may_go - gone);
    }
    // What may go still is above what must stay, even if only available pods count.
    for size in sizes.iter_mut().take(old.len()) {
        let gone = may_go.min(*size);
        (*size, may_go) = (*size - gone, may_go - gone);
    }
    let changed = sizes.iter().zip(sets).any(|(size, set)| *size != set.size);
    changed.then_some(sizes)
}

/// The sizes after the desired number has become another one while several sets have
/// pods: each gets its share of what is added or taken away, so that no revision is put
/// at an advantage. `max_before` is the most pods that there could be before.
pub(crate) fn rescale(sets: &[Count], replicas: u32, room: Room, max_before: u32) -> Vec<u32> {
    let mut sizes: Vec<u32> = sets.iter().map(|set| set.size).collect();
    let mut active = sets.iter().enumerate().filter(|(_, set)| set.size > 0);
    let only = match (active.next(), active.next()) {
        (Some((place, _)), None) => Some(place),
        (None, _) => sets.len().checked_sub(1),
        _ => None,
    };
    if let Some(place) = only {
        sizes[place] = replicas;
        return sizes;
    }
    let most = if replicas == 0 { 0 } else { i64::from(replicas + room.surge) };
    let change = most - i64::from(total(sets));
    // The largest set first; of two that are as large the newer one grows first, and the
    // older one shrinks first.
    let mut order: Vec<usize> = (0..sets.len()).filter(|&place| sets[place].size > 0).collect();
    order.sort_by_key(|&place| {
        let age = if change > 0 { sets.len() - place } else { place };
        (std::cmp::Reverse(sets[place].size), age)
    });
    let mut left = change;
    for &place in &order {
        let size = i64::from(sets[place].size);
        let share = match replicas {
            0 => -size,
            _ => rounded(size * most, i64::from(max_before.max(1))) - size,
        };
        let share = if change > 0 { share.clamp(0, left) } else { share.clamp(left, 0) };
        sizes[place] = u32::try_from(size + share).unwrap_or(0);
        left -= share;
    }
    // What rounding has left is the largest one's.
    if let Some(&largest) = order.first() {
        sizes[largest] = u32::try_from(i64::from(sizes[largest]) + left).unwrap_or(0);
    }
    sizes
}

/// A quotient of numbers that are not negative, rounded half up.
fn rounded(product: i64, by: i64) -> i64 {
    (2 * product + by) / (2 * by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(sets: &[(u32, u32)]) -> Vec<Count> {
        sets.iter().map(|&(size, available)| Count { size, available }).collect()
    }

    const ROOM: Room = Room { surge: 3, unavailable: 2 };

    #[test]
    fn the_new_set_grows_into_the_surge_and_then_the_old_one_shrinks() {
        assert_eq!(roll(&counts(&[(10, 10), (0, 0)]), 10, ROOM), Some(vec![10, 3]));
        // 13 pods of which 8 must stay available and 3 are on their way.
        assert_eq!(roll(&counts(&[(10, 10), (3, 0)]), 10, ROOM), Some(vec![8, 3]));
        assert_eq!(roll(&counts(&[(8, 8), (3, 0)]), 10, ROOM), Some(vec![8, 5]));
        assert_eq!(roll(&counts(&[(8, 8), (5, 0)]), 10, ROOM), None, "it waits");
        assert_eq!(roll(&counts(&[(8, 8), (5, 1)]), 10, ROOM), Some(vec![7, 5]));
        assert_eq!(roll(&counts(&[(0, 0), (10, 10)]), 10, ROOM), None, "it is done");
    }

    #[test]
    fn old_pods_that_are_not_available_go_first() {
        assert_eq!(roll(&counts(&[(10, 6), (3, 0)]), 10, ROOM), Some(vec![8, 3]));
        assert_eq!(roll(&counts(&[(8, 6), (5, 0)]), 10, ROOM), None);
        assert_eq!(roll(&counts(&[(4, 0), (4, 4), (5, 5)]), 10, ROOM), Some(vec![0, 3, 5]));
    }

    #[test]
    fn a_set_that_is_too_large_shrinks() {
        assert_eq!(roll(&counts(&[(12, 12)]), 10, ROOM), Some(vec![10]));
    }

    #[test]
    fn without_a_surge_an_old_pod_goes_first() {
        let room = Room { surge: 0, unavailable: 1 };
        assert_eq!(roll(&counts(&[(3, 3), (0, 0)]), 3, room), Some(vec![2, 0]));
        assert_eq!(roll(&counts(&[(2, 2), (0, 0)]), 3, room), Some(vec![2, 1]));
        assert_eq!(roll(&counts(&[(2, 2), (1, 0)]), 3, room), None);
    }

    #[test]
    fn a_set_alone_gets_the_whole_new_number() {
        assert_eq!(rescale(&counts(&[(0, 0), (10, 10)]), 15, ROOM, 13), [0, 15]);
        assert_eq!(rescale(&counts(&[(10, 10), (0, 0)]), 4, ROOM, 13), [4, 0]);
        assert_eq!(rescale(&counts(&[(0, 0), (0, 0)]), 4, ROOM, 0), [0, 4]);
    }

    /// The example of Kubernetes' documentation: 10 pods with a surge of 3 and 2 that may
    /// be unavailable, in the middle of an update, become 15.
    #[test]
    fn several_sets_share_what_is_added_by_their_size() {
        let sizes = rescale(&counts(&[(8, 8), (5, 0)]), 15, Room { surge: 3, ..ROOM }, 13);
        assert_eq!(sizes, [11, 7]);
    }

    #[test]
    fn several_sets_share_what_is_taken_away() {
        assert_eq!(rescale(&counts(&[(8, 8), (5, 0)]), 5, Room { surge: 2, ..ROOM }, 13), [4, 3]);
        assert_eq!(rescale(&counts(&[(8, 8), (5, 0)]), 0, ROOM, 13), [0, 0]);
    }
}
