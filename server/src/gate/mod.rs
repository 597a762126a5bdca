//! Gates: rules that say Pass, Wait or Block about a train or a car now, with a reason and who can resolve it.
