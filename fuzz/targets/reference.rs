//! The law of `reference`, for libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sandbind_fuzz::reference::law(data));
