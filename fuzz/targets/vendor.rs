#![no_main]

libfuzzer_sys::fuzz_target!(
    init: ringcard_fuzz::let_panics_unwind(),
    |data: &[u8]| {
        ringcard_fuzz::properties::vendor::check(data);
    }
);
