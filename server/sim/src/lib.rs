//! The demo world and test double of Yardmaster.
//!
//! It speaks the wire protocols of what Yardmaster talks to, so that the product's own code path is the one
//! that runs: AWS (ECS, ECR, STS, CloudWatch) in [`aws`], on a [`clock`] that tests drive, with a [`ledger`]
//! of everything that was changed.

pub mod aws;
pub mod clock;
pub mod ledger;
