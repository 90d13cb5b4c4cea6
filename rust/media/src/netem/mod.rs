//! A simulated network: seeded loss, delay, reordering and rate.
