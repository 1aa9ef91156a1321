//! Lists of fictitious customers, with the mistakes that real lists have.

use crate::chance::Chance;
use crate::numbers;

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Number in E.164.
    pub number: String,
    /// Name.
    pub name: String,
    /// IANA zone.
    pub zone: String,
}

/// A list file and what its import must count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// CSV with a header.
    pub csv: String,
    /// Rows without the header.
    pub rows: u64,
    /// Rows that must become leads.
    pub accepted: u64,
    /// Rows whose number occurs before.
    pub duplicate: u64,
    /// Rows whose number is suppressed.
    pub suppressed: u64,
    /// Rows that are not usable.
    pub invalid: u64,
}

const SURNAMES: [(&str, &str); 16] = [
    ("王", "Wang"),
    ("李", "Li"),
    ("张", "Zhang"),
    ("刘", "Liu"),
    ("陈", "Chen"),
    ("杨", "Yang"),
    ("赵", "Zhao"),
    ("黄", "Huang"),
    ("周", "Zhou"),
    ("吴", "Wu"),
    ("徐", "Xu"),
    ("孙", "Sun"),
    ("胡", "Hu"),
    ("朱", "Zhu"),
    ("高", "Gao"),
    ("林", "Lin"),
];
const GIVEN: [&str; 16] =
    ["伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "晓明"];
const FIRST: [&str; 12] =
    ["Ada", "Ben", "Clara", "Dan", "Emma", "Finn", "Grace", "Hugo", "Iris", "Jack", "Kate", "Leo"];
const LAST: [&str; 12] =
    ["Abbott", "Brook", "Carver", "Dale", "Ellis", "Fielding", "Grant", "Hale", "Irwin", "Jarvis", "Keane", "Lane"];
const PLANS: [&str; 4] = ["套餐 59", "套餐 99", "套餐 129", "Basic 20"];

/// A customer's name: Chinese as a rule, English now and then.
pub fn name(chance: &mut Chance) -> String {
    if chance.happens(0.7) {
        let (surname, _) = chance.pick(&SURNAMES);
        format!("{surname}{}", chance.pick(&GIVEN))
    } else if chance.happens(0.3) {
        let (_, surname) = chance.pick(&SURNAMES);
        format!("{} {surname}", chance.pick(&FIRST))
    } else {
        format!("{} {}", chance.pick(&FIRST), chance.pick(&LAST))
    }
}

/// Customers `from..to`. `zones` are given in turn.
pub fn customers(seed: u64, from: usize, to: usize, zones: &[&str]) -> Vec<Customer> {
    let mut chance = Chance::of(seed, &format!("customers {from}"));
    (from..to)
        .map(|index| Customer {
            number: numbers::customer(index),
            name: name(&mut chance),
            zone: zones.get(index % zones.len().max(1)).copied().unwrap_or("Etc/UTC").to_owned(),
        })
        .collect()
}

/// Ways in which a row is no use; the second is told by its code when it is imported.
const SPOILT: [(&str, &str); 8] = [
    ("", "empty"),
    ("1.38E+10", "scientific"),
    ("12125550100.0", "decimal"),
    ("+1 212 555", "too_short"),
    ("+12125550100 x12", "extension"),
    ("999", "emergency"),
    ("not known", "not_a_number"),
    ("+9991234567", "country_unknown"),
];

/// Writes the list: every customer once, and among them rows that are spoilt or repeat an earlier number in another
/// spelling. Numbers of `suppressed` are on the list too: the import must refuse them.
pub fn write(seed: u64, customers: &[Customer], suppressed: &[String]) -> List {
    let mut chance = Chance::of(seed, "list");
    let mut list = List {
        csv: "phone,name,time_zone,plan,data_left_gb\n".to_owned(),
        rows: 0,
        accepted: 0,
        duplicate: 0,
        suppressed: 0,
        invalid: 0,
    };
    for (index, customer) in customers.iter().enumerate() {
        list.row(&mut chance, &customer.number, &customer.name, &customer.zone);
        if suppressed.contains(&customer.number) {
            list.suppressed += 1;
        } else {
            list.accepted += 1;
        }
        if index % 61 == 60 {
            let (number, _) = SPOILT[index / 61 % SPOILT.len()];
            list.row(&mut chance, number, &customer.name, &customer.zone);
            list.invalid += 1;
        }
        if index % 97 == 96 && !suppressed.contains(&customers[index / 2].number) {
            let earlier = &customers[index / 2];
            let number = &earlier.number;
            let spelt = format!("+1 ({}) {}-{}", &number[2..5], &number[5..8], &number[8..]);
            list.row(&mut chance, &spelt, &earlier.name, &earlier.zone);
            list.duplicate += 1;
        }
    }
    list
}

impl List {
    fn row(&mut self, chance: &mut Chance, number: &str, name: &str, zone: &str) {
        let (plan, left) = (chance.pick(&PLANS), chance.below(40));
        self.csv.push_str(&format!("{number},{name},{zone},{plan},{left}\n"));
        self.rows += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_add_up_and_every_spoilt_number_is_refused_as_it_says() {
        let customers = customers(3, 100, 900, &["Asia/Shanghai", "Asia/Tokyo"]);
        let suppressed = vec![customers[5].number.clone(), customers[77].number.clone()];
        let list = write(3, &customers, &suppressed);
        assert_eq!(list.rows as usize, list.csv.lines().count() - 1);
        assert_eq!(list.rows, list.accepted + list.duplicate + list.suppressed + list.invalid);
        assert_eq!((list.accepted, list.suppressed), (798, 2));
        assert!(list.duplicate >= 7 && list.invalid >= 12, "{list:?}");
        for (number, code) in SPOILT {
            let refused = lull::model::dialable::read(number, "US".parse().ok()).map(|_| "accepted");
            assert_eq!(refused.map_err(|why| why.code()), Err(code), "{number}");
        }
    }

    #[test]
    fn a_seed_always_gives_the_same_list() {
        let make = |seed| write(seed, &customers(seed, 0, 200, &["Asia/Shanghai"]), &[]);
        assert_eq!(make(4), make(4));
        assert_ne!(make(4), make(5));
    }

    #[test]
    fn a_repeated_number_in_another_spelling_is_the_same_number() {
        let list = write(3, &customers(3, 0, 200, &["Asia/Shanghai"]), &[]);
        let repeated = list.csv.lines().find(|line| line.contains('(')).unwrap();
        let number = repeated.split(',').next().unwrap();
        let read = lull::model::dialable::read(number, None).unwrap();
        assert_eq!(list.csv.matches(read.number.as_str()).count(), 1);
    }
}
