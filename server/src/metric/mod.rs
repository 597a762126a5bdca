//! Delivery numbers, made from deployments and commits when they are asked for.
