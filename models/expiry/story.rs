//! A path through the expiry model in words.

use super::model::{Action, ExpiryModel};
use crate::models::story::Story;

pub(super) fn tell(_model: &ExpiryModel, _path: &[Action]) -> Story {
    Story::default()
}
