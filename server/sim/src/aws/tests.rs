//! The behaviour of the simulated AWS.
