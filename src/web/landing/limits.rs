//! How often pages may be opened and forms sent: for each address, each number and each campaign.
//!
//! Mobile networks put thousands of phones behind one address; what an address may do is therefore generous, and what costs
//! money or reaches somebody's phone is held for the number and the campaign as well.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use crate::model::name::CampaignKey;
use crate::model::phone::PhoneNumber;
use crate::model::time::Instant;
use crate::web::frame::Client;
use crate::web::throttle::{Network, Rate};

/// Pages of one address in a minute, with their style sheets.
const PAGES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(240).unwrap();
/// Forms of one address in a minute.
const FORMS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// Forms about one number in a minute.
const NUMBER_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Forms of one campaign in a minute: far above what 100,000 SMS bring at once.
const CAMPAIGN_PER_MINUTE: NonZeroU32 = NonZeroU32::new(3000).unwrap();
/// Codes that one address may ask for in an hour, and that one campaign sends: they cost money.
const CODES_PER_HOUR: NonZeroU32 = NonZeroU32::new(30).unwrap();
const CAMPAIGN_CODES_PER_HOUR: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// Who opens the page that everybody may open, with the same browser at the same address, is one visitor for so long: as with a
/// link, which tells visitors apart by itself.
const SAME_VISITOR: Duration = Duration::from_secs(1800);

/// Counts what visitors do.
pub(in crate::web) struct Limits {
    pages: Rate<Network>,
    forms: Rate<Network>,
    numbers: Rate<PhoneNumber>,
    campaigns: Rate<CampaignKey>,
    codes: Rate<Network>,
    campaign_codes: Rate<CampaignKey>,
    visitors: Rate<(CampaignKey, Network, String)>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            pages: Rate::new(Quota::per_minute(PAGES_PER_MINUTE)),
            forms: Rate::new(Quota::per_minute(FORMS_PER_MINUTE)),
            numbers: Rate::new(Quota::per_minute(NUMBER_PER_MINUTE)),
            campaigns: Rate::new(Quota::per_minute(CAMPAIGN_PER_MINUTE)),
            codes: Rate::new(Quota::per_hour(CODES_PER_HOUR)),
            campaign_codes: Rate::new(Quota::per_hour(CAMPAIGN_CODES_PER_HOUR)),
            visitors: Rate::new(Quota::with_period(SAME_VISITOR).expect("the period is not zero")),
        }
    }
}

impl Limits {
    /// A page that is opened; how long is to be waited where that is too often.
    pub(super) fn page(&self, now: Instant, address: IpAddr) -> Result<(), Duration> {
        self.pages.admit(now, &address.into())
    }

    /// Whether this is a visitor who was not there a while ago, of a page without a link.
    pub(super) fn is_new_visitor(&self, now: Instant, campaign: &CampaignKey, client: &Client) -> bool {
        let visitor = (campaign.clone(), client.address.into(), client.agent.clone());
        self.visitors.admit(now, &visitor).is_ok()
    }

    /// A form that comes, by its address alone: of whoever has a link, which nobody else has.
    pub(super) fn address(&self, now: Instant, address: IpAddr) -> Result<(), Duration> {
        self.forms.admit(now, &address.into())
    }

    /// A form of a stranger.
    pub(super) fn form(&self, now: Instant, address: IpAddr, campaign: &CampaignKey) -> Result<(), Duration> {
        self.address(now, address)?;
        self.campaigns.admit(now, campaign)
    }

    /// What a form says about a number.
    pub(super) fn number(&self, now: Instant, number: &PhoneNumber) -> Result<(), Duration> {
        self.numbers.admit(now, number)
    }

    /// A code that is asked for.
    pub(super) fn code(&self, now: Instant, address: IpAddr, campaign: &CampaignKey) -> Result<(), Duration> {
        self.codes.admit(now, &address.into())?;
        self.campaign_codes.admit(now, campaign)
    }
}
