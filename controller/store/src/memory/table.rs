//! A table that can take back what was done to it since the last commit.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// Rows by key, in order of keys.
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// What stood where something was changed, newest last.
    undo: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), undo: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    pub(super) fn range(&self, keys: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(keys)
    }

    pub(super) fn set(&mut self, key: K, value: V) {
        let old = self.rows.insert(key.clone(), value);
        self.undo.push((key, old));
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some((key, old)) = self.rows.remove_entry(key) {
            self.undo.push((key, Some(old)));
        }
    }

    /// Changes a row; nothing happens where there is none, as with an update in SQL.
    pub(super) fn update(&mut self, key: &K, change: impl FnOnce(&mut V)) {
        if let Some(row) = self.rows.get_mut(key) {
            self.undo.push((key.clone(), Some(row.clone())));
            change(row);
        }
    }
}

/// What a transaction's end does to a table.
pub(super) trait Undo {
    fn commit(&mut self);
    fn roll_back(&mut self);
}

impl<K: Ord, V> Undo for Table<K, V> {
    fn commit(&mut self) {
        self.undo.clear();
    }

    fn roll_back(&mut self) {
        while let Some((key, old)) = self.undo.pop() {
            match old {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_restores_what_stood_before() {
        let mut table = Table::default();
        table.set(1, "a");
        table.set(2, "b");
        table.commit();
        table.set(3, "c");
        table.update(&1, |value| *value = "x");
        table.update(&1, |value| *value = "y");
        table.update(&9, |value| *value = "nowhere");
        table.remove(&2);
        table.set(2, "z");
        table.roll_back();
        assert_eq!(table.range(..).collect::<Vec<_>>(), [(&1, &"a"), (&2, &"b")]);
    }
}
