//! What the fuzz targets share. `properties` is a test of Ringcard's too, so libFuzzer is spoken of here alone.

pub mod properties;

/// libFuzzer ends the process at a panic. Ringcard catches some, of crates that read files; those are no finding.
pub fn let_panics_unwind() {
    drop(std::panic::take_hook());
}
