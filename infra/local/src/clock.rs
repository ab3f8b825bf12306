//! Time as a port; CloudWatch, below, has the port and the machine's clock.

pub use cloudwatch::clock::{Clock, SystemClock};
