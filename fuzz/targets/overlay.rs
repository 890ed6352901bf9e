//! The law of `overlay`, for libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sandbind_fuzz::overlay::law(data));
