//! Room: sip.
