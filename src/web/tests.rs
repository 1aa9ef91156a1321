//! The site as a browser or a program meets it, in-process: a real store, and a driver's end that answers asks.

mod access;
mod board;
mod callbacks;
mod campaigns;
mod contract;
mod controls;
mod desk;
mod exports;
mod funnel;
mod imports;
mod input;
mod keys;
mod landing;
mod ledgers;
mod orders;
mod pages;
mod people;
mod recordings;
mod registrations;
mod rig;
mod search;
mod serving;
mod uploads;
mod webhooks;
mod whatif;
