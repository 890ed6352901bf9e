//! The law of `yaml`, for libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sandbind_fuzz::yaml::law(data));
