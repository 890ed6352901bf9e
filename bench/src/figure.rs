//! Medians and other places in a sorted row of numbers.

/// The value below which this share of the numbers lies. Zero without numbers.
pub(crate) fn quantile(numbers: &[f64], share: f64) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a short list"
    )]
    let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

/// The middle one.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    quantile(numbers, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_order_of_size() {
        let numbers = [5.0, 1.0, 4.0, 2.0, 3.0];
        let shares = [0.0, 0.5, 0.99, 1.0].map(|share| quantile(&numbers, share).to_string());
        assert_eq!(shares, ["1", "3", "5", "5"]);
        assert_eq!(median(&[]).to_string(), "0");
    }
}
