//! Telephone numbers that nobody has.
//!
//! Customers have numbers 555-0100 to 555-0199 of North American area codes, which the numbering plan keeps for works of
//! fiction. Callers have 020 7946 0000 to 0999, and the centre 0161 496 0000 to 0999, which Ofcom keeps for drama. All
//! of them pass validation, and none can ring anywhere, even if a demo were connected to a real carrier by mistake.

/// Area codes in use, each with a hundred fictitious numbers.
const AREAS: [u16; 110] = [
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 225, 228, 229, 231, 234, 239,
    240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309, 310,
    312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 325, 330, 331, 334, 336, 337, 339, 346, 347, 351, 352, 360,
    361, 385, 386, 401, 402, 404, 405, 406, 407, 408, 409, 410, 412, 413, 414, 415, 417, 419, 423, 424, 425, 430, 432,
    434, 435, 440, 442, 443, 458, 469, 470, 475, 478, 479, 480, 484, 501, 502, 503, 504, 505,
];
/// How many customers there can be.
pub const CUSTOMERS_MAX: usize = AREAS.len() * 100;
/// How many callers there can be.
pub const CALLERS_MAX: usize = 1000;

/// The number of customer `index`, in E.164; after [`CUSTOMERS_MAX`] they begin anew.
pub fn customer(index: usize) -> String {
    // Neighbours on the list live in different places.
    format!("+1{}55501{:02}", AREAS[index % AREAS.len()], index / AREAS.len() % 100)
}

/// The number of caller `index`, in E.164; after [`CALLERS_MAX`] they begin anew.
pub fn caller(index: usize) -> String {
    format!("+442079460{:03}", index % CALLERS_MAX)
}

/// Number `index` of the centre itself, in E.164.
pub fn centre(index: usize) -> String {
    format!("+441614960{:03}", index % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_number_passes_validation_and_none_occurs_twice() {
        let customers: BTreeSet<String> = (0..CUSTOMERS_MAX).map(customer).collect();
        assert_eq!(customers.len(), CUSTOMERS_MAX);
        let others = (0..CALLERS_MAX).map(caller).chain((0..1000).map(centre));
        for number in customers.iter().cloned().chain(others.step_by(37)) {
            let read = lull::model::dialable::read(&number, None);
            assert!(read.is_ok_and(|dialable| dialable.number.as_str() == number), "{number}");
        }
    }
}
