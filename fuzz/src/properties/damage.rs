//! What a failing SD card does to a file, by a fuzzer's choice.

/// What a file system and a card give back at a time.
const BLOCK: usize = 4096;

/// Eight bytes for each: what is done, with what, and where. A file that is cut short has no other damage: its
/// checksums are gone with its end.
pub fn damage(file: &mut Vec<u8>, damages: &[u8]) {
    for (turn, damage) in damages.as_chunks::<8>().0.iter().enumerate() {
        let [what, with, first, second, place @ ..] = *damage;
        let at = u32::from_le_bytes(place) as usize % file.len();
        let block = at / BLOCK * BLOCK;
        let block_end = file.len().min(block + BLOCK);
        match what % 6 {
            // A byte, a bit, eight bytes that belong together.
            0 => file[at] = with,
            1 => file[at] ^= 1 << (with % 8),
            2 => {
                let word = at / 8 * 8;
                let end = file.len().min(word + 8);
                file[word..end].fill(0);
                file[word] = with;
                file[end - 1] = first;
            }
            // A block that was never written, or is another's.
            3 => file[block..block_end].fill(with),
            4 => {
                let from = usize::from(u16::from_le_bytes([first, second]));
                let from = from % (file.len() / BLOCK).max(1) * BLOCK;
                let length = (block_end - block).min(file.len() - from);
                file.copy_within(from..from + length, block);
            }
            _ if turn == 0 => return file.truncate(at),
            _ => {}
        }
    }
}
