//! Outreach: the messages that a campaign may start with, to whom and how they are worded.
//!
//! Not the sending, which is the runtime's, and not who has had a message, which the store knows. Read [`Outreach`] and
//! [`Template`] first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::calling_hours::WeeklyHours;
use super::campaign::{Campaign, CampaignState, LINK_DAYS, NoLandingUrl, link_address};
use super::campaign_file::Known;
use super::id::LeadId;
use super::message::{PARTS_MAX, Unfit, parts, way};
use super::name::{CampaignKey, GatewayName, OutreachName};
use super::reply::plain;
use super::selection::{Condition, shuffled};

/// The field that becomes the recipient's own address of the landing page.
pub const LINK: &str = "link";
/// How long a link is taken to be before there is one, in characters: for counting.
pub const LINK_SAMPLE: &str = "https://lull.example.com/r/abcdefghjkmn";
/// A token as long as all are.
pub const TOKEN_SAMPLE: &str = "123456789ABC";
/// Longest signature, in characters between its brackets.
const SIGNATURE_MAX: usize = 20;

/// Messages to an audience, as a campaign file has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outreach {
    /// The list whose leads are the audience.
    pub list: String,
    /// Only those to whom all of these apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Condition>,
    /// The gateway; it may be left out where there is only one.
    #[schema(value_type = Option<String>)]
    pub gateway: Option<GatewayName>,
    /// Number or name that is shown as the sender: one of the gateway's; the usual one without it.
    pub sender: Option<String>,
    /// The texts that are tried, by name.
    #[schema(value_type = std::collections::BTreeMap<String, Variant>)]
    pub variants: BTreeMap<OutreachName, Variant>,
    /// The column with each recipient's language.
    pub language_column: String,
    /// The language of those whose own is not known, or has no text; one of those of every variant.
    pub language: String,
    /// When messages may come, in the recipient's own time, cut with the campaign's hours and the profile's.
    #[schema(value_type = Option<Object>)]
    pub hours: Option<WeeklyHours>,
    /// The first day on which it sends, by the installation's calendar.
    #[schema(value_type = Option<String>)]
    pub first_day: Option<Date>,
    /// The last one.
    #[schema(value_type = Option<String>)]
    pub last_day: Option<Date>,
    /// At most so many messages in a minute, whatever the gateway takes.
    pub per_minute: Option<u32>,
    /// Its audience is called although it has not replied.
    #[serde(default, skip_serializing_if = "is_false")]
    pub called_anyway: bool,
}

fn is_false(switch: &bool) -> bool {
    !switch
}

/// One of the texts that are tried, in all its languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Variant {
    /// Recipients of it for each recipient of a variant with share 1.
    pub share: u32,
    /// The text, by language.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub text: BTreeMap<String, Template>,
}

/// What a message must have by law, from the compliance profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MessageRules {
    /// It begins or ends with the sender's name in brackets, `【…】`.
    #[serde(default)]
    pub signature: bool,
    /// It has one of these, however spaced: how to refuse further ones. Empty: none is asked for.
    #[serde(default)]
    pub opt_out: Vec<String>,
}

/// What a message lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// A signature.
    Signature,
    /// One of these.
    OptOut(Vec<String>),
}

impl MessageRules {
    /// Nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == MessageRules::default()
    }

    /// What a text lacks.
    pub fn lacks(&self, text: &str) -> Option<Lacking> {
        if self.signature && !is_signed(text) {
            return Some(Lacking::Signature);
        }
        let whole = plain(text);
        let has = |words: &String| !plain(words).is_empty() && whole.contains(&plain(words));
        (!self.opt_out.is_empty() && !self.opt_out.iter().any(has)).then(|| Lacking::OptOut(self.opt_out.clone()))
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lacking::Signature => out.write_str("begin or end it with the sender's name in brackets, such as 【Lull】"),
            Lacking::OptOut(words) => {
                let words: Vec<String> = words.iter().map(|words| format!("`{words}`")).collect();
                write!(out, "say how to refuse further messages, with one of {}", words.join(", "))
            }
        }
    }
}

fn is_signed(text: &str) -> bool {
    let text = text.trim();
    let signs = |name: &str| {
        let name = name.trim();
        !name.is_empty() && name.chars().count() <= SIGNATURE_MAX && !name.contains(['【', '】', '{', '}'])
    };
    let first = text.strip_prefix('【').and_then(|rest| rest.split_once('】')).map(|(name, _)| name);
    let last = text.strip_suffix('】').and_then(|rest| rest.rsplit_once('【')).map(|(_, name)| name);
    first.is_some_and(signs) || last.is_some_and(signs)
}

/// A text with fields: `{column}`, or `{column|what is said without one}`. Braces are written `{{` and `}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    written: String,
    pieces: Vec<Said>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Text(String),
    Field { name: String, without: Option<String> },
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// A brace that opens and never closes.
    #[error("`{{` opens a field that is not closed; a brace is written `{{{{`")]
    Open,
    /// A brace that closes nothing.
    #[error("`}}` closes nothing; a brace is written `}}}}`")]
    Close,
    /// `{}`.
    #[error("`{{}}` names no column")]
    Nameless,
    /// A link cannot be replaced.
    #[error("`{{link|…}}`: a link is always there, it needs nothing to be said without it")]
    LinkWithout,
}

/// A recipient has nothing for a field that has nothing to be said instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing in `{0}`")]
pub struct Blank(pub String);

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// Says what is wrong with its braces.
    pub fn parse(written: &str) -> Result<Template, TemplateFault> {
        let (mut pieces, mut text) = (Vec::new(), String::new());
        let mut rest = written;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                text.push('{');
                rest = after;
                continue;
            }
            if let Some(after) = from.strip_prefix("}}") {
                text.push('}');
                rest = after;
                continue;
            }
            let inside = from.strip_prefix('{').ok_or(TemplateFault::Close)?;
            let (field, after) = inside.split_once('}').ok_or(TemplateFault::Open)?;
            if field.contains('{') {
                return Err(TemplateFault::Open);
            }
            let (name, without) = match field.split_once('|') {
                Some((name, without)) => (name.trim(), Some(without.to_owned())),
                None => (field.trim(), None),
            };
            if name.is_empty() {
                return Err(TemplateFault::Nameless);
            }
            if name == LINK && without.is_some() {
                return Err(TemplateFault::LinkWithout);
            }
            if !text.is_empty() {
                pieces.push(Said::Text(std::mem::take(&mut text)));
            }
            pieces.push(Said::Field { name: name.to_owned(), without });
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Said::Text(text));
        }
        Ok(Template { written: written.to_owned(), pieces })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The columns that it names, but for the link and those for which something else can be said.
    pub fn needed(&self) -> BTreeSet<&str> {
        let field = |piece: &'_ Said| matches!(piece, Said::Field { name, without: None } if name != LINK);
        self.fields().filter(|piece| field(piece)).filter_map(Said::name).collect()
    }

    /// All columns that it names, but for the link.
    pub fn columns(&self) -> BTreeSet<&str> {
        self.fields().filter_map(Said::name).filter(|name| *name != LINK).collect()
    }

    /// Whether it has a link.
    pub fn has_link(&self) -> bool {
        self.fields().any(|piece| piece.name() == Some(LINK))
    }

    fn fields(&self) -> impl Iterator<Item = &Said> {
        self.pieces.iter().filter(|piece| piece.name().is_some())
    }

    /// What is said to somebody: `cell` gives what stands in a column, `link` their link.
    ///
    /// # Errors
    /// Names the first column in which there is nothing.
    pub fn fill<'c>(&self, cell: impl Fn(&str) -> Option<&'c str>, link: &str) -> Result<String, Blank> {
        let mut text = String::with_capacity(self.written.len() + link.len());
        for piece in &self.pieces {
            match piece {
                Said::Text(piece) => text.push_str(piece),
                Said::Field { name, .. } if name == LINK => text.push_str(link),
                Said::Field { name, without } => {
                    let found = cell(name).map(str::trim).filter(|found| !found.is_empty());
                    text.push_str(found.or(without.as_deref()).ok_or_else(|| Blank(name.clone()))?);
                }
            }
        }
        Ok(text)
    }

    /// The text with the names of columns where their cells would be.
    pub fn outline(&self, link: &str) -> String {
        let said = |piece: &Said| match piece {
            Said::Text(text) => text.clone(),
            Said::Field { name, .. } if name == LINK => link.to_owned(),
            Said::Field { name, .. } => name.clone(),
        };
        self.pieces.iter().map(said).collect()
    }

    /// The fewest SMS that it takes: with nothing in its columns and a link of the usual length.
    pub fn parts_min(&self) -> usize {
        let least = self.fill(|_| Some("-"), LINK_SAMPLE).unwrap_or_default();
        parts(&least).texts.len()
    }

    /// Whether it fits into as many SMS as are sent as one message, whatever the columns have.
    pub fn can_fit(&self) -> bool {
        self.parts_min() <= PARTS_MAX
    }
}

impl Said {
    fn name(&self) -> Option<&str> {
        match self {
            Said::Field { name, .. } => Some(name),
            Said::Text(_) => None,
        }
    }
}

impl Serialize for Template {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
        Template::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Outreach {
    /// The variant of a recipient: always the same one, in the shares of the variants. An outreach of another name gives
    /// them out anew.
    pub fn variant(&self, name: &OutreachName, lead: LeadId) -> Option<(&OutreachName, &Variant)> {
        let shares: u64 = self.variants.values().map(|variant| u64::from(variant.share)).sum();
        // FNV-1a of the name, so that two outreaches do not give the same people their first variant.
        let salt = name
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut place = shuffled(LeadId((lead.0.unsigned_abs() ^ salt) as i64)).checked_rem(shares)?;
        self.variants.iter().find(|(_, variant)| {
            let share = u64::from(variant.share);
            let is_its = place < share;
            place = place.saturating_sub(share);
            is_its
        })
    }

    /// The language of a recipient among those of a variant, by what stands in the column: as it is (`zh-CN`), or without the
    /// country (`zh`); the usual one otherwise.
    pub fn language_of<'v>(&self, variant: &'v Variant, cell: Option<&str>) -> Option<(&'v str, &'v Template)> {
        let asked = cell.unwrap_or_default().trim().to_ascii_lowercase().replace('_', "-");
        let short = asked.split('-').next().unwrap_or_default();
        let named = |wanted: &str| {
            variant.text.iter().find(|(language, _)| language.eq_ignore_ascii_case(wanted) && !wanted.is_empty())
        };
        let found = named(&asked).or_else(|| named(short)).or_else(|| named(&self.language));
        found.map(|(language, text)| (language.as_str(), text))
    }

    /// Every text that it may send, with its variant and language.
    pub fn texts(&self) -> impl Iterator<Item = (&OutreachName, &str, &Template)> {
        self.variants.iter().flat_map(|(name, variant)| {
            variant.text.iter().map(move |(language, text)| (name, language.as_str(), text))
        })
    }

    /// Whether any text has a link.
    pub fn has_link(&self) -> bool {
        self.texts().any(|(_, _, text)| text.has_link())
    }
}

/// How an outreach sends at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Through which gateway.
    pub gateway: GatewayName,
    /// What is shown as the sender.
    pub sender: String,
    /// When messages may come: all of these hold.
    pub hours: Vec<WeeklyHours>,
    /// What addresses of landing pages begin with; `None`: nobody knows where they are, and no text has a link.
    pub landing: Option<String>,
    /// How long a link holds, in days.
    pub link_days: u32,
    /// The last day is over: whoever still waits gets none.
    pub over: bool,
}

impl Way {
    /// The address of a token's page.
    pub fn link(&self, token: &str) -> String {
        link_address(self.landing.as_deref(), token).unwrap_or_default()
    }
}

/// Why an outreach cannot send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Held {
    /// Its campaign is over.
    #[error("the campaign has ended")]
    Ended,
    /// A later revision of the campaign has it no more.
    #[error("the campaign has no outreach `{0}` any more")]
    Gone(OutreachName),
    /// Its first day has not come.
    #[error("it begins on {0}")]
    NotYet(Date),
    /// There is no gateway or sender for it.
    #[error("{0}")]
    NoWay(Unfit),
    /// Its texts have a link.
    #[error("its texts have a link, and {0}")]
    NoAddress(NoLandingUrl),
}

/// A campaign has no outreach of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the campaign {campaign} has no outreach `{asked}`; {}", there(.names))]
pub struct NoOutreach {
    campaign: CampaignKey,
    asked: OutreachName,
    names: Vec<OutreachName>,
}

fn there(names: &[OutreachName]) -> String {
    let names: Vec<&str> = names.iter().map(OutreachName::as_str).collect();
    match names.is_empty() {
        true => "it has none: its file has no [outreach.NAME]".to_owned(),
        false => format!("it has: {}", names.join(", ")),
    }
}

/// The outreach of a campaign by its name.
///
/// # Errors
/// Names those that there are.
pub fn named<'c>(campaign: &'c Campaign, name: &OutreachName) -> Result<&'c Outreach, NoOutreach> {
    campaign.outreach.get(name).ok_or_else(|| NoOutreach {
        campaign: campaign.key.clone(),
        asked: name.clone(),
        names: campaign.outreach.keys().cloned().collect(),
    })
}

/// What a campaign's outreach sends at this moment, and how. `today`: by the installation's calendar.
///
/// # Errors
/// Says what keeps it from sending.
pub fn ready<'c>(
    campaign: &'c Campaign,
    state: CampaignState,
    name: &OutreachName,
    known: &Known,
    today: Date,
) -> Result<(&'c Outreach, Way), Held> {
    let (outreach, way) = prepared(campaign, state, name, known, today)?;
    match outreach.first_day.filter(|first| today < *first) {
        Some(first) => Err(Held::NotYet(first)),
        None => Ok((outreach, way)),
    }
}

/// The same, also before its first day: an outreach is started and tried before it begins.
///
/// # Errors
/// Says what would keep it from sending, but never that it has not begun.
pub fn prepared<'c>(
    campaign: &'c Campaign,
    state: CampaignState,
    name: &OutreachName,
    known: &Known,
    today: Date,
) -> Result<(&'c Outreach, Way), Held> {
    if state == CampaignState::Ended {
        return Err(Held::Ended);
    }
    let outreach = campaign.outreach.get(name).ok_or_else(|| Held::Gone(name.clone()))?;
    let (gateway, sender) =
        way(&known.gateways, outreach.gateway.as_ref(), outreach.sender.as_deref()).map_err(Held::NoWay)?;
    let landing = known.landing_url.clone();
    if landing.is_none() && outreach.has_link() {
        return Err(Held::NoAddress(NoLandingUrl));
    }
    let link_days = campaign.landing.as_ref().map_or(LINK_DAYS, |landing| landing.link_days);
    let profile = known.profiles.get(&campaign.profile);
    let hours = campaign.hours_for(profile, None).into_iter().chain(&outreach.hours).cloned().collect();
    let over = outreach.last_day.is_some_and(|last| today > last);
    Ok((outreach, Way { gateway, sender, hours, landing, link_days, over }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    fn outreach(shares: &[(&str, u32)]) -> Outreach {
        let variant = |share| Variant {
            share,
            text: BTreeMap::from([("zh".to_owned(), template("你好")), ("en".to_owned(), template("Hello"))]),
        };
        Outreach {
            list: "spring".to_owned(),
            only: vec![],
            gateway: None,
            sender: None,
            variants: shares.iter().map(|(name, share)| (name.parse().unwrap(), variant(*share))).collect(),
            language_column: "language".to_owned(),
            language: "zh".to_owned(),
            hours: None,
            first_day: None,
            last_day: None,
            per_minute: None,
            called_anyway: false,
        }
    }

    #[test]
    fn fields_are_filled_and_what_is_missing_is_said_otherwise_or_told() {
        let cells = BTreeMap::from([("name", " 王芳 "), ("city", " ")]);
        let fill = |text: &str| template(text).fill(|name| cells.get(name).copied(), "https://l.example/r/x");
        assert_eq!(fill("{name}您好").unwrap(), "王芳您好");
        assert_eq!(fill("{city|贵地}: {link} {{1}}").unwrap(), "贵地: https://l.example/r/x {1}");
        assert_eq!(fill("{name|您}").unwrap(), "王芳");
        assert_eq!(fill("{tariff}"), Err(Blank("tariff".to_owned())));
        assert_eq!(fill("{city}"), Err(Blank("city".to_owned())));
        let read = template("{name} {city|x} {link}");
        assert_eq!((read.needed().len(), read.columns().len(), read.has_link()), (1, 2, true));
        assert!(!template("{name}").has_link());
    }

    #[test]
    fn braces_that_make_no_field_are_complained_about() {
        let wrong = |text: &str| Template::parse(text).unwrap_err();
        assert_eq!(wrong("Hello {name"), TemplateFault::Open);
        assert_eq!(wrong("Hello {na{me}"), TemplateFault::Open);
        assert_eq!(wrong("Hello name}"), TemplateFault::Close);
        assert_eq!(wrong("Hello { }"), TemplateFault::Nameless);
        assert_eq!(wrong("{link|here}"), TemplateFault::LinkWithout);
        assert_eq!(wrong("Hello {name").to_string(), "`{` opens a field that is not closed; a brace is written `{{`");
    }

    #[test]
    fn variants_go_out_in_their_shares_and_to_the_same_people_each_time() {
        let outreach = outreach(&[("a", 3), ("b", 1), ("never", 0)]);
        let name: OutreachName = "spring".parse().unwrap();
        let mut counts = BTreeMap::new();
        for id in 1..=10_000 {
            let (variant, _) = outreach.variant(&name, LeadId(id)).unwrap();
            assert_eq!(outreach.variant(&name, LeadId(id)).unwrap().0, variant);
            *counts.entry(variant.as_str()).or_insert(0) += 1;
        }
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), ["a", "b"]);
        // 2,500 expected, five standard deviations of 43.
        assert!((2_284..=2_716).contains(&counts["b"]), "{counts:?}");
        let other: OutreachName = "autumn".parse().unwrap();
        let same = (1..=1000).filter(|id| {
            outreach.variant(&name, LeadId(*id)).unwrap().0 == outreach.variant(&other, LeadId(*id)).unwrap().0
        });
        // 10 in 16 by chance.
        assert!((550..=700).contains(&same.count()));
    }

    #[test]
    fn a_language_is_found_without_its_country_and_otherwise_the_usual_one() {
        let outreach = outreach(&[("a", 1)]);
        let variant = outreach.variants.values().next().unwrap();
        let of = |cell: Option<&str>| outreach.language_of(variant, cell).unwrap().0;
        assert_eq!((of(Some("EN")), of(Some("en_GB")), of(Some("zh-TW"))), ("en", "en", "zh"));
        assert_eq!((of(Some("fr")), of(Some("")), of(None)), ("zh", "zh", "zh"));
    }

    #[test]
    fn what_the_profile_asks_for_is_looked_for() {
        let rules =
            MessageRules { signature: true, opt_out: vec!["拒收请回复R".to_owned(), "Reply STOP".to_owned()] };
        assert_eq!(rules.lacks("【Lull】新套餐，拒收请回复R"), None);
        assert_eq!(rules.lacks("新套餐，拒收请回复 R【Lull】"), None);
        assert_eq!(rules.lacks("【Lull】New plan. reply stop to end."), None);
        for unsigned in
            ["新套餐，拒收请回复R", "【】拒收请回复R", "新【Lull】套餐，拒收请回复R", "【{name}】拒收请回复R"]
        {
            assert_eq!(rules.lacks(unsigned), Some(Lacking::Signature), "{unsigned}");
        }
        assert!(matches!(rules.lacks("【Lull】新套餐"), Some(Lacking::OptOut(words)) if words.len() == 2));
        assert_eq!(MessageRules::default().lacks("x"), None);
    }

    proptest! {
        #[test]
        fn no_text_brings_it_to_a_stop_and_one_without_braces_stays(text in "[a{}|是 ]{0,20}") {
            if let Ok(template) = Template::parse(&text) {
                let filled = template.fill(|_| Some("x"), "y").unwrap();
                if !text.contains(['{', '}']) {
                    prop_assert_eq!(filled, text);
                }
            }
        }
    }
}
