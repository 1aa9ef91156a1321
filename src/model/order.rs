//! Orders of customers who accepted: numbers that can be read out, money, items, and the states of a delivery.
//!
//! Not where orders are kept (that is the store) and not what a campaign file says of them (`model::campaign_file`). Read
//! [`OrderState`], [`OrderRules`] and [`NewOrder`] first.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most different items of one order.
pub const ITEMS_MAX: usize = 50;
/// Most pieces of one item.
pub const QUANTITY_MAX: u32 = 999;
/// Longest name of a recipient, of a carrier and of a tracking number, in characters.
pub const NAME_LENGTH_MAX: usize = 100;
/// Longest address and note, in characters.
pub const TEXT_LENGTH_MAX: usize = 500;
/// The first order of a database has this number before its check digit.
const FIRST: i64 = 10_001;
/// The highest price of an item, in units of the currency.
const PRICE_MAX: f64 = 1e9;

/// The quasigroup of Damm's check digit: finds every wrong digit and every two neighbours that were exchanged.
/// H. M. Damm, "Total anti-symmetrische Quasigruppen", Marburg 2004, p. 106.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

/// The number of an order: digits, the last of which is a check digit, so that one that was misheard names no other order.
/// Written without spaces; read with any spaces and hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String)]
pub struct OrderNumber(pub i64);

/// A text is not an order number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderNumberError {
    /// Other characters, or too few or many.
    #[error("expected the 6 to 18 digits of an order number")]
    Digits,
    /// A digit is wrong.
    #[error("a digit of this order number is wrong: its check digit does not fit")]
    Check,
}

impl OrderNumber {
    /// The number after this one; the first one after none.
    pub fn following(last: Option<OrderNumber>) -> OrderNumber {
        let digits = last.map_or(FIRST, |last| last.0 / 10 + 1);
        OrderNumber(digits * 10 + i64::from(check_digit(&digits.to_string())))
    }
}

/// The digit that makes the whole come out at zero.
fn check_digit(digits: &str) -> u8 {
    digits.bytes().fold(0, |row, digit| DAMM[usize::from(row)][usize::from(digit.wrapping_sub(b'0').min(9))])
}

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for OrderNumber {
    type Err = OrderNumberError;
    fn from_str(text: &str) -> Result<OrderNumber, OrderNumberError> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if !(6..=18).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(OrderNumberError::Digits);
        }
        if check_digit(&digits) != 0 {
            return Err(OrderNumberError::Check);
        }
        digits.parse().map(OrderNumber).map_err(|_| OrderNumberError::Digits)
    }
}

impl Serialize for OrderNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OrderNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<OrderNumber, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in hundredths of a currency's unit. In JSON a number of whole units with at most two decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, utoipa::ToSchema)]
#[schema(value_type = f64)]
pub struct Money(pub i64);

impl Money {
    /// An amount that was written as whole units; none if it is negative, too large, or has more than two decimals.
    pub fn of_units(units: f64) -> Option<Money> {
        let hundredths = (units * 100.0).round();
        let fits = (0.0..=PRICE_MAX).contains(&units) && (units * 100.0 - hundredths).abs() < 1e-4;
        fits.then_some(Money(hundredths as i64))
    }

    /// In whole units.
    pub fn units(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.units())
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        let units = f64::deserialize(deserializer)?;
        let expected =
            || serde::de::Error::custom(format!("{units} is no amount; expected 0 to 1e9 with at most two decimals"));
        Money::of_units(units).ok_or_else(expected)
    }
}

/// Where the delivery of an order stands.
///
/// ```text
/// confirmed ─→ dispatched ─→ delivered ─→ returned
///     │             ├──────→ refused ───→ returned
///     ↓             └──────→ returned
/// cancelled
/// ```
/// An order comes into each state once; only a result that was corrected twice confirms a cancelled one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// The customer accepted; nothing has left.
    Confirmed,
    /// It is on its way.
    Dispatched,
    /// The customer has it.
    Delivered,
    /// The customer did not take it.
    Refused,
    /// It came back.
    Returned,
    /// It was called off before it left.
    Cancelled,
}

/// A text is not a state of an order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of an order; expected confirmed, dispatched, delivered, refused, returned or cancelled")]
pub struct UnknownOrderState(pub String);

impl OrderState {
    /// All of them, in the order in which they are shown.
    pub const ALL: [OrderState; 6] = [
        OrderState::Confirmed,
        OrderState::Dispatched,
        OrderState::Delivered,
        OrderState::Refused,
        OrderState::Returned,
        OrderState::Cancelled,
    ];

    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            OrderState::Confirmed => "confirmed",
            OrderState::Dispatched => "dispatched",
            OrderState::Delivered => "delivered",
            OrderState::Refused => "refused",
            OrderState::Returned => "returned",
            OrderState::Cancelled => "cancelled",
        }
    }

    /// What may come next.
    pub fn next(self) -> &'static [OrderState] {
        match self {
            OrderState::Confirmed => &[OrderState::Dispatched, OrderState::Cancelled],
            OrderState::Dispatched => &[OrderState::Delivered, OrderState::Refused, OrderState::Returned],
            OrderState::Delivered | OrderState::Refused => &[OrderState::Returned],
            OrderState::Returned | OrderState::Cancelled => &[],
        }
    }

    /// Whether the customer accepted and yet did not keep it: it counts against the conversion.
    pub fn counts_against(self) -> bool {
        matches!(self, OrderState::Refused | OrderState::Returned | OrderState::Cancelled)
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What carriers write for a state, in English and Chinese, in small letters.
const SAID: &[(OrderState, &[&str])] = &[
    (OrderState::Confirmed, &["confirmed", "已确认", "待发货"]),
    (
        OrderState::Dispatched,
        &["dispatched", "shipped", "in transit", "in_transit", "已发货", "已发出", "运输中", "配送中", "已揽收"],
    ),
    (OrderState::Delivered, &["delivered", "signed", "已签收", "签收", "已送达", "已妥投", "妥投"]),
    (OrderState::Refused, &["refused", "rejected", "拒收", "已拒收"]),
    (OrderState::Returned, &["returned", "returned to sender", "退回", "已退回", "退货", "已退货"]),
    (OrderState::Cancelled, &["cancelled", "canceled", "已取消", "取消"]),
];

impl FromStr for OrderState {
    type Err = UnknownOrderState;
    fn from_str(text: &str) -> Result<OrderState, UnknownOrderState> {
        let said = text.trim().to_lowercase();
        let found = SAID.iter().find(|(_, words)| words.contains(&said.as_str()));
        found.map(|(state, _)| *state).ok_or_else(|| UnknownOrderState(text.to_owned()))
    }
}

/// An item of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderItem {
    /// What.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// For one of them.
    pub price: Money,
}

/// What items cost together.
pub fn value_of(items: &[OrderItem]) -> Money {
    Money(items.iter().map(|item| item.price.0.saturating_mul(i64::from(item.quantity))).fold(0, i64::saturating_add))
}

/// An order that a result opens; kept with the result until it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// What is ordered, at the campaign's prices.
    pub items: Vec<OrderItem>,
    /// ISO 4217.
    pub currency: String,
    /// Who takes it.
    pub recipient: String,
    /// Where to.
    pub address: String,
    /// What else is to be known.
    pub note: String,
}

/// What may be ordered in a campaign, and what must be known to deliver it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderRules {
    /// ISO 4217.
    pub currency: String,
    /// Whether there must be an address.
    pub address_required: bool,
    /// What may be ordered.
    pub items: Vec<OfferedItem>,
}

/// Something that may be ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OfferedItem {
    /// Its name.
    pub name: String,
    /// For one of them.
    pub price: Money,
    /// How many are ordered unless the agent says otherwise.
    pub quantity: u32,
    /// How many may be ordered.
    pub quantity_max: u32,
}

/// What an agent says of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedOrder {
    /// Names and quantities; those that are missing are not ordered.
    pub items: Vec<(String, u32)>,
    /// Who takes it.
    pub recipient: String,
    /// Where to.
    pub address: String,
    /// What else is to be known.
    pub note: String,
}

/// What is wrong with an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFault {
    /// Where: `items`, `address`…
    pub field: &'static str,
    /// What, and what was expected.
    pub problem: String,
}

impl OrderRules {
    /// The order that a result opens: what the agent said, or what is ordered usually.
    ///
    /// # Errors
    /// What is not offered, too many of it, nothing at all, or no address where there must be one.
    pub fn order(&self, asked: Option<&AskedOrder>) -> Result<NewOrder, OrderFault> {
        let fault = |field, problem| Err(OrderFault { field, problem });
        let items = match asked {
            Some(asked) => self.items_of(&asked.items)?,
            None => self.usual(),
        };
        if items.is_empty() {
            return fault("items", "nothing is ordered; expected at least one item".to_owned());
        }
        let text = |field, text: Option<&String>, most: usize| {
            let text = text.map(|text| text.trim()).unwrap_or_default();
            let problem = || format!("longer than {most} characters");
            if text.chars().count() > most {
                Err(OrderFault { field, problem: problem() })
            } else {
                Ok(text.to_owned())
            }
        };
        let recipient = text("recipient", asked.map(|asked| &asked.recipient), NAME_LENGTH_MAX)?;
        let address = text("address", asked.map(|asked| &asked.address), TEXT_LENGTH_MAX)?;
        let note = text("note", asked.map(|asked| &asked.note), TEXT_LENGTH_MAX)?;
        if self.address_required && address.is_empty() {
            return fault("address", "there is none; this campaign delivers, and needs one".to_owned());
        }
        Ok(NewOrder { items, currency: self.currency.clone(), recipient, address, note })
    }

    fn usual(&self) -> Vec<OrderItem> {
        let usual = self.items.iter().filter(|item| item.quantity > 0);
        usual.map(|item| item.ordered(item.quantity)).collect()
    }

    fn items_of(&self, asked: &[(String, u32)]) -> Result<Vec<OrderItem>, OrderFault> {
        let fault = |problem| OrderFault { field: "items", problem };
        let mut items: Vec<OrderItem> = Vec::new();
        for (name, quantity) in asked.iter().filter(|(_, quantity)| *quantity > 0) {
            let Some(offered) = self.items.iter().find(|item| item.name == *name) else {
                let names: Vec<&str> = self.items.iter().map(|item| item.name.as_str()).collect();
                return Err(fault(format!("`{name}` is not offered; expected {}", names.join(", "))));
            };
            if items.iter().any(|item| item.name == *name) {
                return Err(fault(format!("`{name}` is there twice")));
            }
            if *quantity > offered.quantity_max {
                return Err(fault(format!("{quantity} of `{name}`; expected at most {}", offered.quantity_max)));
            }
            items.push(offered.ordered(*quantity));
        }
        Ok(items)
    }
}

impl OfferedItem {
    fn ordered(&self, quantity: u32) -> OrderItem {
        OrderItem { name: self.name.clone(), quantity, price: self.price }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> OrderRules {
        let item = |name: &str, price, quantity| OfferedItem {
            name: name.to_owned(),
            price: Money(price),
            quantity,
            quantity_max: 3,
        };
        let items = vec![item("card", 19_900, 1), item("router", 5_050, 0)];
        OrderRules { currency: "CNY".to_owned(), address_required: true, items }
    }

    #[test]
    fn order_numbers_follow_each_other_and_are_read_as_people_say_them() {
        let first = OrderNumber::following(None);
        let second = OrderNumber::following(Some(first));
        assert!(second > first && second.0 / 10 == first.0 / 10 + 1);
        let said = first.to_string();
        assert_eq!(said.len(), 6);
        assert_eq!(format!("{} {}-{}", &said[..2], &said[2..4], &said[4..]).parse(), Ok(first));
        assert_eq!("12".parse::<OrderNumber>(), Err(OrderNumberError::Digits));
        assert_eq!("1000o1".parse::<OrderNumber>(), Err(OrderNumberError::Digits));
    }

    proptest! {
        #[test]
        fn a_wrong_digit_and_two_exchanged_ones_are_found(last in 1_000_i64..99_999_999, at in 0_usize..8, by in 1_u8..10) {
            let number = OrderNumber::following(Some(OrderNumber(last * 10)));
            let digits = number.to_string().into_bytes();
            let at = at % digits.len();
            let mut wrong = digits.clone();
            wrong[at] = b'0' + (wrong[at] - b'0' + by) % 10;
            prop_assert_eq!(String::from_utf8(wrong).unwrap().parse::<OrderNumber>(), Err(OrderNumberError::Check));
            let mut exchanged = digits.clone();
            if at + 1 < exchanged.len() && exchanged[at] != exchanged[at + 1] {
                exchanged.swap(at, at + 1);
                prop_assert_eq!(String::from_utf8(exchanged).unwrap().parse::<OrderNumber>(), Err(OrderNumberError::Check));
            }
            prop_assert_eq!(number.to_string().parse::<OrderNumber>(), Ok(number));
        }
    }

    #[test]
    fn every_state_reads_back_and_none_leads_where_it_came_from() {
        for state in OrderState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
            for next in state.next() {
                assert!(!next.next().contains(&state), "{state} {next}");
            }
        }
        assert_eq!("已签收".parse(), Ok(OrderState::Delivered));
        assert!("lost".parse::<OrderState>().is_err());
    }

    #[test]
    fn amounts_are_exact_to_the_hundredth() {
        assert_eq!(Money::of_units(199.0), Some(Money(19_900)));
        assert_eq!(Money::of_units(0.29), Some(Money(29)));
        for wrong in [-1.0, 0.001, 2e9, f64::NAN] {
            assert_eq!(Money::of_units(wrong), None, "{wrong}");
        }
        assert_eq!(Money(5_005).to_string(), "50.05");
        assert_eq!(serde_json::from_str::<Money>("50.05").unwrap(), Money(5_005));
        assert!(serde_json::from_str::<Money>("1.005").unwrap_err().to_string().contains("two decimals"));
    }

    #[test]
    fn an_order_has_the_prices_of_the_campaign_and_says_what_is_missing() {
        let asked = |items: &[(&str, u32)], address: &str| AskedOrder {
            items: items.iter().map(|(name, quantity)| ((*name).to_owned(), *quantity)).collect(),
            address: address.to_owned(),
            ..AskedOrder::default()
        };
        let order = rules().order(Some(&asked(&[("card", 2), ("router", 1)], " Street 1 "))).unwrap();
        assert_eq!((value_of(&order.items), order.address.as_str()), (Money(2 * 19_900 + 5_050), "Street 1"));
        let problem = |asked: &AskedOrder| rules().order(Some(asked)).unwrap_err();
        assert_eq!(problem(&asked(&[("card", 1)], " ")).field, "address");
        assert!(problem(&asked(&[("phone", 1)], "x")).problem.contains("expected card, router"));
        assert!(problem(&asked(&[("card", 4)], "x")).problem.contains("at most 3"));
        assert!(problem(&asked(&[("card", 1), ("card", 1)], "x")).problem.contains("twice"));
        assert!(problem(&asked(&[("card", 0)], "x")).problem.contains("at least one"));
        assert_eq!(problem(&AskedOrder { note: "n".repeat(501), ..asked(&[("card", 1)], "x") }).field, "note");
        let free = OrderRules { address_required: false, ..rules() };
        assert_eq!(
            free.order(None).unwrap().items,
            vec![OrderItem { name: "card".into(), quantity: 1, price: Money(19_900) }]
        );
        assert_eq!(rules().order(None).unwrap_err().field, "address");
    }
}
