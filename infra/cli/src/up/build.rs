//! Builds the functions, with progress on standard error.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use local::programs::{self, BuildError, Profile, Programs, Progress};
use sam::App;

use crate::args::UpOptions;

/// Builds the functions of the template.
pub(super) async fn build(app: &App, options: &UpOptions) -> Result<Programs, BuildError> {
    let profile = if options.release { Profile::Release } else { Profile::Dev };
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg}  [{elapsed}]") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    // Of a build that fails, the error has them; those of one that does not are its warnings.
    let warnings = Mutex::new(String::new());
    let programs = programs::build(app, profile, &|progress| show(&bar, &warnings, progress)).await;
    bar.finish_and_clear();
    if programs.is_ok() {
        let warnings = warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
        let _ = std::io::stderr().write_all(warnings.as_bytes());
    }
    programs
}

fn show(bar: &ProgressBar, warnings: &Mutex<String>, progress: Progress) {
    match progress {
        Progress::Started { binaries, .. } => bar.set_prefix(format!("Building {}", binaries.join(", "))),
        Progress::Compiling { package, done } => bar.set_message(format!("{package} ({done} done)")),
        // cargo says so even when nothing was to be done.
        Progress::Line(line) if line.trim_start().starts_with("Finished") => {}
        Progress::Line(line) if line.trim_start().starts_with("Blocking") => bar.set_message(line),
        Progress::Line(line) => {
            let mut warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
            warnings.push_str(&line);
            warnings.push('\n');
        }
        Progress::Finished { .. } => bar.set_message(String::new()),
    }
}
