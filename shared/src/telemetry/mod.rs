//! What an invocation tells: one wide event in CloudWatch's embedded metric format, and log
//! lines for what went wrong.

pub mod emf;
pub mod event;
pub mod log;
pub mod usage;

pub use emf::Emitter;
pub use event::{
    AuthorizeRecord, ConnectRecord, DisconnectRecord, FrameRecord, Invocation, RequestFields, SweepRecord,
    UserHash, WideEvent, Work,
};
pub use usage::Usage;

/// A writer of the tests that keeps what was written. Clones are the same one.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

#[cfg(test)]
impl Kept {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[cfg(test)]
impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
