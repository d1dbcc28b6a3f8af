//! A path through the ordering model in words.

use super::model::{Action, OrderingModel};
use crate::models::story::Story;
use crate::ordering::Ordering;

pub(super) fn tell<O: Ordering>(_model: &OrderingModel<O>, _path: &[Action]) -> Story {
    Story::default()
}
