//! The words of the trade, valid by construction.
//!
//! Nothing here decides when to dial: that is `engine`. Nothing here does I/O. Read [`campaign::Campaign`],
//! [`lead::Lead`] and [`disposition::Disposition`] first.

pub mod abandonment;
pub mod agent;
pub mod attempt;
pub mod calendar;
pub mod calling_hours;
pub mod campaign;
pub mod campaign_file;
pub mod changes;
pub mod costs;
pub mod database;
pub mod decision;
pub mod dialable;
pub mod disposition;
pub mod document;
pub mod id;
pub mod lead;
pub mod limits;
pub mod live_limits;
pub mod message;
pub mod name;
pub mod network;
pub mod numbers;
pub mod order;
pub mod outreach;
pub mod phone;
pub mod pre_registration;
pub mod profile;
pub mod profile_file;
pub mod promise;
pub mod recording;
pub mod reply;
pub mod schedule;
pub mod selection;
pub mod settings;
pub mod time;
pub mod window;
pub mod word;
pub mod zone;
