//! The site as a browser or a program meets it, in-process: a real store, and a driver's end that answers asks.

mod access;
mod board;
mod campaigns;
mod contract;
mod desk;
mod imports;
mod input;
mod ledgers;
mod pages;
mod people;
mod rig;
mod serving;
mod uploads;
mod whatif;
