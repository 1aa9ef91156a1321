//! The site as a browser or a program meets it, in-process: a real store, and a driver's end that answers asks.

mod contract;
