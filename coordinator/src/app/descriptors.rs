//! How many files this process may have open: a session is one. Owns the system's limit; must not know who dials in.
#![expect(unsafe_code, reason = "limits of a process have no safe interface")]

/// Open beside the sessions: the store, the launchers' pipes, the terminal.
const BESIDE: u64 = 128;

/// The limit cannot be raised far enough from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "serve {sessions} sessions: each is an open file, and only {hard} may be open here: raise `ulimit -Hn` to {wanted}, or \
     ask for fewer slots"
)]
pub struct TooFew {
    /// Wished for.
    sessions: u64,
    /// Open files that would take.
    wanted: u64,
    /// Open files at most.
    hard: u64,
}

/// Lets so many sessions be open, raising this process's own limit where the system's allows it.
///
/// # Errors
/// When it does not. A system that says nothing of limits is taken at its word.
pub(super) fn allow(sessions: u64) -> Result<(), TooFew> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a whole `rlimit`.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    let raised = if told { raised(sessions, limit.rlim_cur, limit.rlim_max)? } else { None };
    if let Some(soft) = raised {
        limit.rlim_cur = soft;
        // SAFETY: the pointer is to a whole `rlimit`. A refusal leaves the limit as it was, and whoever is refused for it
        // is told.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
    Ok(())
}

/// What the limit must be raised to, if it must.
fn raised(sessions: u64, soft: u64, hard: u64) -> Result<Option<u64>, TooFew> {
    let wanted = sessions.saturating_add(BESIDE);
    match wanted {
        _ if wanted <= soft => Ok(None),
        _ if wanted <= hard => Ok(Some(wanted)),
        _ => Err(TooFew { sessions, wanted, hard }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_no_further_than_it_must_and_may_be() {
        assert_eq!(raised(100, 1024, 4096), Ok(None));
        assert_eq!(raised(1000, 1024, 4096), Ok(Some(1128)));
        let error = raised(5000, 1024, 4096).expect_err("too many");
        assert!(error.to_string().contains("raise `ulimit -Hn` to 5128"), "{error}");
        assert_eq!(allow(1), Ok(()));
    }
}
