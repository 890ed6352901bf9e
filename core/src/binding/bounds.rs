//! What LimitRanges ask of every container of a namespace.

use k8s_openapi::api::core::v1::LimitRange;

/// The tightest bounds over all LimitRanges of type `Container`. CPU in thousandths of a core, memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// CPU.
    pub cpu: Bound,
    /// Memory.
    pub memory: Bound,
}

/// Bounds on one kind of resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// No request may be smaller.
    pub min: Option<u64>,
    /// No limit may be larger.
    pub max: Option<u64>,
    /// Limit divided by request, in thousandths, may not be larger.
    pub ratio: Option<u64>,
}

impl Bounds {
    /// What these LimitRanges ask together.
    pub fn of<'a>(ranges: impl IntoIterator<Item = &'a LimitRange>) -> Self {
        let mut bounds = Self::default();
        let items = ranges.into_iter().filter_map(|range| range.spec.as_ref()).flat_map(|spec| &spec.limits);
        for item in items.filter(|item| item.type_ == "Container") {
            for (bound, name) in [(&mut bounds.cpu, "cpu"), (&mut bounds.memory, "memory")] {
                let read = |quantities: &Option<std::collections::BTreeMap<String, _>>| {
                    let text: Option<&k8s_openapi::apimachinery::pkg::api::resource::Quantity> =
                        quantities.as_ref()?.get(name);
                    milli(&text?.0).map(|milli| if name == "cpu" { milli } else { milli.div_ceil(1000) })
                };
                let tighter = |old: Option<u64>, new: Option<u64>, pick: fn(u64, u64) -> u64| match (old, new)
                {
                    (Some(old), Some(new)) => Some(pick(old, new)),
                    (old, new) => old.or(new),
                };
                bound.min = tighter(bound.min, read(&item.min), u64::max);
                bound.max = tighter(bound.max, read(&item.max), u64::min);
                let ratio = item.max_limit_request_ratio.as_ref().and_then(|ratios| ratios.get(name));
                bound.ratio = tighter(bound.ratio, ratio.and_then(|ratio| milli(&ratio.0)), u64::min);
            }
        }
        bounds
    }
}

/// A quantity in thousandths, rounded up: `5m`, `1`, `0.5`, `12Mi`, `1e3`. None when it is none or out of range.
pub fn milli(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(digits)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 12 || fraction.contains('.') {
        return None;
    }
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let (times, over): (u128, u128) = match suffix {
        "n" => (1, 1_000_000),
        "u" => (1, 1_000),
        "m" => (1, 1),
        "" => (1_000, 1),
        "k" => (1_000_000, 1),
        "M" => (1_000_000_000, 1),
        "G" => (1_000_000_000_000, 1),
        "T" => (1_000_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1_000 << 10, 1),
        "Mi" => (1_000 << 20, 1),
        "Gi" => (1_000 << 30, 1),
        "Ti" => (1_000 << 40, 1),
        "Pi" => (1_000 << 50, 1),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            let ten = 10u128.checked_pow(power.unsigned_abs())?;
            if power < 0 { (1_000, ten) } else { (ten.checked_mul(1_000)?, 1) }
        }
    };
    u64::try_from(digits.checked_mul(times)?.div_ceil(scale.checked_mul(over)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_the_api_server_reads_them() {
        for (text, expected) in [
            ("5m", Some(5)),
            ("0.1", Some(100)),
            ("1", Some(1000)),
            ("2.5", Some(2500)),
            (".5", Some(500)),
            ("1e3", Some(1_000_000)),
            ("1E-1", Some(100)),
            ("100u", Some(1)),
            ("12Mi", Some(12 * 1024 * 1024 * 1000)),
            ("1k", Some(1_000_000)),
            ("", None),
            (".", None),
            ("-1", None),
            ("1.2.3", None),
            ("1x", None),
            ("1e99", None),
            ("99999999999P", None),
        ] {
            assert_eq!(milli(text), expected, "{text}");
        }
    }

    #[test]
    fn the_tightest_of_several_limit_ranges_holds() {
        let range = |json| serde_json::from_value::<LimitRange>(json).unwrap();
        let ranges = [
            range(serde_json::json!({"spec": {"limits": [
                {"type": "Container", "min": {"cpu": "10m", "memory": "8Mi"}, "max": {"cpu": "1"}},
                {"type": "Pod", "max": {"cpu": "1m"}}]}})),
            range(serde_json::json!({"spec": {"limits": [
                {"type": "Container", "min": {"cpu": "20m"}, "max": {"cpu": "500m"}, "maxLimitRequestRatio": {"cpu": "2"}}]}})),
        ];
        let bounds = Bounds::of(&ranges);
        assert_eq!(bounds.cpu, Bound { min: Some(20), max: Some(500), ratio: Some(2000) });
        assert_eq!(bounds.memory, Bound { min: Some(8 << 20), max: None, ratio: None });
        assert_eq!(Bounds::of(&[]), Bounds::default());
    }
}
