//! What a page shows of a sweep, as numbers: columns packed for the wire, parameters as columns, quantile bands, and the best
//! so far. Nothing here knows of the wire or of a store.

pub mod band;
pub mod best;
pub mod column;
pub mod params;
