//! Which column means what, from what people call their columns in English and Chinese.

use super::ImportError;
use super::mapping::{ColumnUse, Mapping};
use super::numbers::kind_of;
use crate::model::numbers::{NUMBERS_MAX, NumberKind};

/// Most columns of a file.
pub(super) const COLUMNS_MAX: usize = 200;
/// The columns an error file adds; ignored when it is imported again.
pub(super) const ERROR_COLUMNS: [&str; 4] = ["error_line", "error_column", "error_code", "error_message"];

/// What a column can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    Number,
    Name,
    Zone,
    Priority,
    Score,
    Replied,
    Reason,
    Scope,
    Expires,
    Note,
    Text,
    TextVersion,
    Channel,
    At,
}

/// The columns that mean something in a file of each kind; all others are extra. Those of leads have numbers besides, up to five.
pub(super) const OF_LEADS: &[Meaning] =
    &[Meaning::Name, Meaning::Zone, Meaning::Priority, Meaning::Score, Meaning::Replied];
pub(super) const OF_SUPPRESSIONS: &[Meaning] =
    &[Meaning::Number, Meaning::Reason, Meaning::Scope, Meaning::Expires, Meaning::Note];
pub(super) const OF_CONSENTS: &[Meaning] = &[
    Meaning::Number,
    Meaning::Scope,
    Meaning::Expires,
    Meaning::Text,
    Meaning::TextVersion,
    Meaning::Channel,
    Meaning::At,
];

impl Meaning {
    /// For messages.
    pub(super) fn title(self) -> &'static str {
        match self {
            Meaning::Number => "phone number",
            Meaning::Name => "name",
            Meaning::Zone => "time zone",
            Meaning::Priority => "priority",
            Meaning::Score => "score",
            Meaning::Replied => "time of the reply",
            Meaning::Reason => "reason",
            Meaning::Scope => "campaign",
            Meaning::Expires => "expiry",
            Meaning::Note => "note",
            Meaning::Text => "text of the consent",
            Meaning::TextVersion => "version of the text",
            Meaning::Channel => "channel",
            Meaning::At => "time of the consent",
        }
    }

    /// Whether agents see the cell as it stands, although it is understood.
    fn is_shown(self) -> bool {
        matches!(self, Meaning::Score | Meaning::Replied)
    }

    /// What people call it, without case, spaces and punctuation.
    pub(super) fn synonyms(self) -> &'static [&'static str] {
        match self {
            Meaning::Number => &[
                "phone",
                "phonenumber",
                "phoneno",
                "number",
                "mobile",
                "mobilephone",
                "mobilenumber",
                "mobileno",
                "tel",
                "telephone",
                "telephonenumber",
                "cell",
                "cellphone",
                "msisdn",
                "手机",
                "手机号",
                "手机号码",
                "电话",
                "电话号码",
                "号码",
                "联系电话",
                "联系方式",
                "移动电话",
            ],
            Meaning::Name => &[
                "name",
                "fullname",
                "customer",
                "customername",
                "contact",
                "contactname",
                "姓名",
                "名字",
                "名称",
                "客户",
                "客户姓名",
                "客户名称",
                "联系人",
            ],
            Meaning::Zone => &["zone", "timezone", "tz", "时区"],
            Meaning::Priority => &["priority", "prio", "优先级"],
            Meaning::Score => &["score", "leadscore", "评分", "得分", "分数"],
            Meaning::Replied => &[
                "replied",
                "repliedat",
                "replytime",
                "replydate",
                "registeredat",
                "回复时间",
                "回复日期",
                "登记时间",
                "预登记时间",
            ],
            Meaning::Reason => &["reason", "原因"],
            Meaning::Scope => &["scope", "campaign", "purpose", "范围", "活动", "用途"],
            Meaning::Expires => {
                &["expires", "expiresat", "expiry", "validuntil", "到期", "到期日", "到期时间", "有效期"]
            }
            Meaning::Note => &["note", "notes", "comment", "remark", "备注"],
            Meaning::Text => &["text", "wording", "consenttext", "同意文本", "文本"],
            Meaning::TextVersion => &["version", "textversion", "版本"],
            Meaning::Channel => &["channel", "渠道"],
            Meaning::At => &["at", "date", "time", "consentedat", "consentdate", "givenat", "时间", "日期", "同意时间"],
        }
    }
}

/// The header of a file, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Names as they stand in the file; nameless ones are called `column_N`. Without the error file's columns.
    pub(super) names: Vec<String>,
    /// Place in a row of each of `names`.
    pub(super) places: Vec<usize>,
    /// What each of `names` is called with the lead, where it means nothing to us; `None`: it is not kept.
    labels: Vec<Option<String>>,
    /// Fields a row should have.
    pub(super) width: usize,
    meanings: Vec<(Meaning, usize)>,
    /// Columns with numbers of a person, where a file may have several: what kind, and which.
    numbers: Vec<(NumberKind, usize)>,
}

impl Columns {
    /// Understands a header. `number_column` names the number's column where the synonyms cannot tell.
    pub(super) fn read(
        header: &[String],
        wanted: &[Meaning],
        number_column: Option<&str>,
    ) -> Result<Columns, ImportError> {
        Columns::mapped(header, wanted, number_column, &Mapping::default())
    }

    /// The same, where somebody said what some of the columns are for.
    pub(super) fn mapped(
        header: &[String],
        wanted: &[Meaning],
        number_column: Option<&str>,
        mapping: &Mapping,
    ) -> Result<Columns, ImportError> {
        let mut columns = Columns::named(header)?;
        let mapped = columns.map(mapping)?;
        for meaning in wanted {
            let chosen = if *meaning == Meaning::Number { number_column } else { None };
            if columns.place(*meaning).is_none()
                && let Some(place) = columns.find(*meaning, chosen, &mapped)?
            {
                columns.meanings.push((*meaning, place));
            }
        }
        if !wanted.contains(&Meaning::Number) {
            columns.find_numbers(number_column, &mapped)?;
        }
        if columns.place(Meaning::Number).is_none() && columns.numbers.is_empty() {
            return Err(ImportError::NoNumberColumn { found: columns.names.join(", ") });
        }
        Ok(columns)
    }

    /// The columns with numbers: those that somebody named, else those that are called so.
    fn find_numbers(&mut self, number_column: Option<&str>, mapped: &[usize]) -> Result<(), ImportError> {
        if self.numbers.is_empty() {
            let free = self.names.iter().zip(&self.places).filter(|(_, place)| !mapped.contains(place));
            let found = free.filter_map(|(name, place)| match number_column {
                Some(wanted) if plain(name) != plain(wanted) => None,
                Some(_) => Some((kind_of(name).unwrap_or(NumberKind::Other), *place)),
                None => Some((kind_of(name)?, *place)),
            });
            self.numbers = found.collect();
        }
        self.numbers.sort_by_key(|(_, place)| *place);
        if self.numbers.len() > NUMBERS_MAX {
            let named = self.numbers.iter().filter_map(|(_, place)| {
                let index = self.places.iter().position(|one| one == place)?;
                self.names.get(index).cloned()
            });
            return Err(ImportError::TooManyNumbers {
                found: named.collect::<Vec<_>>().join(", "),
                allowed: NUMBERS_MAX,
            });
        }
        Ok(())
    }

    /// The cells with a person's numbers that say something: what kind, the column's name, and the cell.
    pub(super) fn numbers<'f>(&'f self, fields: &'f [String]) -> Vec<(NumberKind, &'f str, &'f str)> {
        let cell = |(kind, place): &(NumberKind, usize)| {
            let index = self.places.iter().position(|one| one == place)?;
            let text = fields.get(*place).map_or("", |text| text.trim());
            (!text.is_empty()).then_some((*kind, self.names.get(index)?.as_str(), text))
        };
        self.numbers.iter().filter_map(cell).collect()
    }

    /// The name of the first column with numbers, for rows that have none.
    pub(super) fn number_name(&self) -> String {
        let index = self.numbers.first().and_then(|(_, place)| self.places.iter().position(|one| one == place));
        index.and_then(|index| self.names.get(index)).cloned().unwrap_or_default()
    }

    /// The columns by their names, without a meaning yet.
    pub(super) fn named(header: &[String]) -> Result<Columns, ImportError> {
        if header.len() > COLUMNS_MAX {
            return Err(ImportError::TooManyColumns { found: header.len(), allowed: COLUMNS_MAX });
        }
        let (names, places, labels, meanings, numbers) = (vec![], vec![], vec![], vec![], vec![]);
        let mut columns = Columns { names, places, labels, width: header.len(), meanings, numbers };
        for (place, text) in header.iter().enumerate() {
            let name = text.trim().to_owned();
            let name = if name.is_empty() { format!("column_{}", place + 1) } else { name };
            if ERROR_COLUMNS.contains(&name.as_str()) {
                continue;
            }
            if let Some(first) = columns.names.iter().position(|other| plain(other) == plain(&name)) {
                let first = columns.places[first] + 1;
                return Err(ImportError::DuplicateHeader { name, first, second: place + 1 });
            }
            columns.labels.push(Some(name.clone()));
            columns.names.push(name);
            columns.places.push(place);
        }
        Ok(columns)
    }

    /// Gives columns what they are for; their places.
    fn map(&mut self, mapping: &Mapping) -> Result<Vec<usize>, ImportError> {
        let mut mapped = Vec::new();
        for column in mapping.columns() {
            let found = self.names.iter().zip(&self.places).zip(&mut self.labels);
            let wanted = plain(&column.heading);
            let Some(((_, place), label)) = found.into_iter().find(|((name, _), _)| plain(name) == wanted) else {
                let found = self.names.join(", ");
                return Err(ImportError::NoSuchColumn { name: column.heading.clone(), found });
            };
            mapped.push(*place);
            if let Some(kind) = column.role.number() {
                self.numbers.push((kind, *place));
                continue;
            }
            match (column.role, column.role.meaning()) {
                (_, Some(meaning)) => self.meanings.push((meaning, *place)),
                (ColumnUse::Ignore, None) => *label = None,
                (_, None) => *label = column.name.clone().or(label.take()),
            }
        }
        let known = |place: &usize| self.is_understood(*place);
        let mut kept = std::collections::BTreeSet::new();
        for label in
            self.labels.iter().zip(&self.places).filter(|(_, place)| !known(place)).filter_map(|one| one.0.as_ref())
        {
            if !kept.insert(plain(label)) {
                let expected = "a name that no other column of the file has".to_owned();
                return Err(ImportError::Cell { what: "custom field", value: label.clone(), expected });
            }
        }
        Ok(mapped)
    }

    /// What each of `names` is likely for: what its heading says, and of several alike the first, but for numbers.
    pub(super) fn suggested(&self) -> Vec<ColumnUse> {
        let (mut taken, mut numbers) = (Vec::new(), 0);
        let suggest = |name: &String| {
            if let Some(kind) = kind_of(name).filter(|_| numbers < NUMBERS_MAX) {
                numbers += 1;
                return ColumnUse::of_number(kind);
            }
            let known = OF_LEADS.iter().find(|meaning| meaning.synonyms().contains(&plain(name).as_str()));
            match known.filter(|meaning| !taken.contains(*meaning)) {
                Some(meaning) => {
                    taken.push(*meaning);
                    ColumnUse::of(*meaning)
                }
                None => ColumnUse::Custom,
            }
        };
        self.names.iter().map(suggest).collect()
    }

    /// Whether a column means something and is not kept as it stands.
    fn is_understood(&self, place: usize) -> bool {
        let means = self.meanings.iter().any(|(meaning, one)| *one == place && !meaning.is_shown());
        means || self.numbers.iter().any(|(_, one)| *one == place)
    }

    /// Looks for a meaning among the columns of which nobody said what they are for.
    fn find(&self, meaning: Meaning, chosen: Option<&str>, mapped: &[usize]) -> Result<Option<usize>, ImportError> {
        let fits = |name: &str| match chosen {
            Some(wanted) => plain(name) == plain(wanted),
            None => meaning.synonyms().contains(&plain(name).as_str()),
        };
        let free = self.names.iter().zip(&self.places).filter(|(_, place)| !mapped.contains(place));
        let mut found = free.filter(|(name, _)| fits(name)).map(|(name, place)| (*place, name));
        let Some((first, name)) = found.next() else { return Ok(None) };
        if let Some((_, second)) = found.next() {
            return Err(ImportError::AmbiguousHeader {
                meaning: meaning.title(),
                first: name.clone(),
                second: second.clone(),
            });
        }
        Ok(Some(first))
    }

    /// The place in a row of what means `meaning`.
    pub(super) fn place(&self, meaning: Meaning) -> Option<usize> {
        self.meanings.iter().find(|(one, _)| *one == meaning).map(|(_, place)| *place)
    }

    /// The field that means `meaning`, trimmed; empty where there is no such column.
    pub(super) fn field<'f>(&self, fields: &'f [String], meaning: Meaning) -> &'f str {
        self.place(meaning).and_then(|place| fields.get(place)).map_or("", |text| text.trim())
    }

    /// The name of the column that means `meaning`, for the error file.
    pub(super) fn name(&self, meaning: Meaning) -> String {
        let place = self.place(meaning);
        let index = place.and_then(|place| self.places.iter().position(|one| *one == place));
        index.and_then(|index| self.names.get(index)).cloned().unwrap_or_default()
    }

    /// Names and fields of the columns that agents see as they stand, where they are not empty.
    pub(super) fn extra<'f>(&'f self, fields: &'f [String]) -> impl Iterator<Item = (&'f str, &'f str)> {
        self.labels.iter().zip(&self.places).filter_map(|(label, place)| {
            let known = self.is_understood(*place);
            let text = fields.get(*place).map_or("", |text| text.trim());
            label.as_deref().filter(|_| !known && !text.is_empty()).map(|label| (label, text))
        })
    }

    /// A row's original fields in the order of `names`, for the error file.
    pub(super) fn originals(&self, fields: &[String]) -> Vec<String> {
        self.places.iter().map(|place| fields.get(*place).cloned().unwrap_or_default()).collect()
    }
}

/// Without case, spaces and punctuation.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &[&str]) -> Result<Columns, ImportError> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Columns::read(&header, OF_LEADS, None)
    }

    #[test]
    fn columns_are_found_by_what_people_call_them_in_two_languages() {
        for header in [["Customer Name", "Phone No.", "Time Zone", "city"], ["客户姓名", "手机号码", "时区", "城市"]]
        {
            let columns = read(&header).unwrap();
            assert_eq!(columns.place(Meaning::Name), Some(0), "{header:?}");
            assert_eq!(columns.number_name(), header[1]);
            assert_eq!(columns.place(Meaning::Zone), Some(2), "{header:?}");
            let row = ["A", "1", "", "X"].map(str::to_owned);
            assert_eq!(columns.extra(&row).collect::<Vec<_>>(), vec![(header[3], "X")]);
        }
    }

    #[test]
    fn a_header_without_a_number_twice_the_same_or_with_more_than_five_is_refused_by_name() {
        assert_eq!(read(&["city", "age"]), Err(ImportError::NoNumberColumn { found: "city, age".to_owned() }));
        let twice = read(&["phone", "City", "city "]).unwrap_err();
        assert_eq!(twice, ImportError::DuplicateHeader { name: "city".to_owned(), first: 2, second: 3 });
        let two = read(&["手机", "姓名", "电话2"]).unwrap();
        let row = ["13800000001", "王芳", " 02112345678 "].map(str::to_owned);
        let numbers = [(NumberKind::Mobile, "手机", "13800000001"), (NumberKind::Other, "电话2", "02112345678")];
        assert_eq!(two.numbers(&row), numbers, "a person may have several");
        let many = ["phone", "phone2", "phone3", "phone4", "phone5", "mobile"];
        let told = read(&many).unwrap_err().to_string();
        assert!(told.contains("more than 5") && told.contains("phone5, mobile"), "{told}");
        let header = ["手机".to_owned(), "电话".to_owned()];
        let chosen = Columns::mapped(&header, OF_LEADS, Some("电话"), &Mapping::default()).unwrap();
        let row = ["1", "2"].map(str::to_owned);
        assert_eq!(chosen.numbers(&row), [(NumberKind::Other, "电话", "2")]);
        assert_eq!(chosen.extra(&row).collect::<Vec<_>>(), [("手机", "1")]);
    }

    #[test]
    fn what_somebody_says_of_a_column_goes_before_its_heading() {
        let header = ["phone", "手机", "Name", "kind", "secret"].map(str::to_owned);
        let mapped = |texts: &[&str]| {
            let mapping = Mapping::new(texts.iter().map(|text| text.parse().unwrap()).collect()).unwrap();
            Columns::mapped(&header, OF_LEADS, None, &mapping)
        };
        let columns = mapped(&["手机=number", "name=custom:Company", "kind=name", "secret=ignore"]).unwrap();
        assert_eq!((columns.number_name().as_str(), columns.place(Meaning::Name)), ("手机", Some(3)));
        let row = ["1", "2", "Acme", "Ann", "x"].map(str::to_owned);
        assert_eq!(columns.extra(&row).collect::<Vec<_>>(), [("phone", "1"), ("Company", "Acme")]);
        assert_eq!(columns.originals(&row), row, "the error file keeps all of them");
        // What is said to be something else is not taken for the number by its heading.
        let lost = mapped(&["phone=custom", "手机=ignore"]).unwrap_err();
        assert!(matches!(lost, ImportError::NoNumberColumn { .. }), "{lost}");
        let missing = mapped(&["手机=number", "Town=custom"]).unwrap_err().to_string();
        assert!(missing.contains("no column `Town`") && missing.contains("kind"), "{missing}");
        let twice = mapped(&["手机=number", "kind=custom:phone"]).unwrap_err().to_string();
        assert!(twice.contains("custom field `phone`"), "{twice}");
        let uses = Columns::named(&header).unwrap().suggested();
        use ColumnUse::{Custom, Mobile, Name, Number};
        assert_eq!(uses, [Number, Mobile, Name, Custom, Custom]);
    }

    #[test]
    fn the_columns_of_an_error_file_are_not_taken_for_customer_data() {
        let columns = read(&["phone", "error_line", "error_column", "error_code", "error_message", ""]).unwrap();
        assert_eq!(columns.names, ["phone", "column_6"]);
        assert_eq!(columns.width, 6);
    }
}
