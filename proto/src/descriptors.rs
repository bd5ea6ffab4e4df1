//! The number of files a process may have open, for sessions and the pipes of children. Owns the
//! system's limit, which coordinators and agents with many slots both reach; must not know what the
//! files are.
#![expect(unsafe_code, reason = "limits of a process have no safe interface")]

/// The limit cannot be raised far enough from this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{wanted} open files are needed and only {hard} are allowed here: raise `ulimit -Hn` to {wanted}"
)]
pub struct TooFew {
    /// Number of open files needed.
    pub wanted: u64,
    /// Greatest number allowed.
    pub hard: u64,
}

/// Raises this process's limit of open files to `wanted`, if the system's limit allows it. Children
/// inherit it.
///
/// # Errors
/// When the system's limit is too low. If the system reports no limit, none is assumed.
pub fn allow(wanted: u64) -> Result<(), TooFew> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a whole `rlimit`.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    let raised = if told {
        raised(wanted, limit.rlim_cur, limit.rlim_max)?
    } else {
        None
    };
    if let Some(soft) = raised {
        limit.rlim_cur = soft;
        // SAFETY: the pointer is to a whole `rlimit`. If the call fails the limit stays as it was,
        // and the later failure to open a file is reported.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
    Ok(())
}

/// The limit to set, if it must be raised.
fn raised(wanted: u64, soft: u64, hard: u64) -> Result<Option<u64>, TooFew> {
    match wanted {
        _ if wanted <= soft => Ok(None),
        _ if wanted <= hard => Ok(Some(wanted)),
        _ => Err(TooFew { wanted, hard }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_no_further_than_it_must_and_may_be() {
        assert_eq!(raised(228, 1024, 4096), Ok(None));
        assert_eq!(raised(1128, 1024, 4096), Ok(Some(1128)));
        let error = raised(5128, 1024, 4096).expect_err("too many");
        assert!(
            error.to_string().contains("raise `ulimit -Hn` to 5128"),
            "{error}"
        );
        assert_eq!(allow(1), Ok(()));
    }
}
