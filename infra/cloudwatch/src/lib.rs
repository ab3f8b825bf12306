//! CloudWatch on the laptop. So far: the log store.

pub mod logs;
