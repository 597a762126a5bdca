//! The demo world and test double of Yardmaster.
//!
//! It speaks the wire protocols of what Yardmaster talks to, so that the product's own code path is the one
//! that runs: AWS (ECS, ECR, STS, CloudWatch) in [`aws`], on a [`clock`] that tests drive, with a [`ledger`]
//! of everything that was changed; a [`forge`] with real Git repositories, whose pushes a [`ci`] builds; and an
//! [`identity`] provider for the people of [`persona`]. [`world`] starts them together with a past in common.

pub mod aws;
pub mod ci;
pub mod clock;
pub mod forge;
mod html;
pub mod http;
pub mod identity;
pub mod ledger;
pub mod persona;
pub mod world;
