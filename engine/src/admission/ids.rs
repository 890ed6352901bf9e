//! Random ids.

use crate::ports::Clock;

/// Ten random bytes.
pub(super) fn draw(clock: &impl Clock) -> [u8; 10] {
    let mut bytes = [0; 10];
    for chunk in bytes.chunks_mut(4) {
        let random = clock.random().to_be_bytes();
        chunk.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
    }
    bytes
}
