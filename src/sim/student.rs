//! Confidence: Student's half-width over independent days.

/// Two-sided 95 % quantiles of Student's distribution for 1 to 30 degrees of freedom.
const QUANTILES: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// The same of the normal distribution.
const NORMAL: f64 = 1.959_964;

/// The two-sided 95 % quantile for so many degrees of freedom, 1 or more. Beyond the table by Cornish and Fisher's
/// expansion, which is right to three decimals there.
pub fn quantile(degrees: usize) -> f64 {
    if let Some(quantile) = degrees.checked_sub(1).and_then(|place| QUANTILES.get(place)) {
        return *quantile;
    }
    let (z, n) = (NORMAL, degrees as f64);
    z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
}

/// The half-width of the 95 % interval of the mean; `None` for fewer than two values.
pub fn half_width(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some(quantile(values.len() - 1) * (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, expected) in [(1, 12.706), (19, 2.093), (30, 2.042), (40, 2.021), (60, 2.000), (120, 1.980)] {
            assert!((quantile(degrees) - expected).abs() < 1e-3, "{degrees}: {}", quantile(degrees));
        }
    }

    #[test]
    fn one_day_has_no_interval_and_equal_days_have_none_to_speak_of() {
        assert_eq!(half_width(&[3.0]), None);
        assert_eq!(half_width(&[3.0, 3.0, 3.0]), Some(0.0));
        let spread = half_width(&[1.0, 2.0, 3.0]).unwrap();
        assert!((spread - 4.303 / 3f64.sqrt()).abs() < 1e-9);
    }
}
