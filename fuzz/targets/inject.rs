//! The law of `inject`, for libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sandbind_fuzz::inject::law(data));
