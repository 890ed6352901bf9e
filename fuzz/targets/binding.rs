//! The law of `binding`, for libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sandbind_fuzz::binding::law(data));
