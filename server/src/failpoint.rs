//! Named points at which the crash tests end the process, as `kill -9` would. Compiled out without the feature
//! `failpoints`; with it, `YARDMASTER_FAILPOINT=name` aborts at the first time that point is reached, `name:3` at the
//! third.

/// Ends the process here, if that was asked for.
#[cfg(not(feature = "failpoints"))]
pub const fn failpoint(_name: &str) {}

/// Ends the process here, if that was asked for.
#[cfg(feature = "failpoints")]
pub fn failpoint(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static REACHED: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("YARDMASTER_FAILPOINT").ok()?;
        Some(match text.split_once(':') {
            Some((name, times)) => (name.to_owned(), times.parse().unwrap_or(1)),
            None => (text, 1),
        })
    });
    if let Some((point, times)) = wanted
        && point == name
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *times
    {
        // The crash tests look for this line: a run that never reached its point proves nothing.
        eprintln!("failpoint {name} reached");
        std::process::abort();
    }
}
