//! Environments and their lines, as pages ask for them.
