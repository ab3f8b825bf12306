//! SAM template -> checked [`App`]: what a template declares, resolved, with errors that
//! name file, line and column.

pub mod app;

pub use app::App;
