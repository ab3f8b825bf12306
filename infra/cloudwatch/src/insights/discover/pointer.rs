//! `@ptr`: the text that leads back to one event.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The pointer of the event `id` in `group`.
pub(in crate::insights) fn encode(group: &str, id: u64) -> String {
    STANDARD.encode(format!("{id:016x}{group}"))
}
