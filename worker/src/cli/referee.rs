//! Flags of `referee`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::referee::{Script, Settings, Stall, UsageAt};

/// Flags of `referee`.
#[derive(Debug, Args)]
pub struct RefereeArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "HOST:PORT")]
    listen: SocketAddr,
    /// Draws every time and every failure, before the first request comes
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Median milliseconds from a request to its first token
    #[arg(long, default_value = "20", value_name = "MS", value_parser = milliseconds)]
    ttft: Duration,
    /// Median milliseconds between tokens
    #[arg(long, default_value = "5", value_name = "MS", value_parser = milliseconds)]
    itl: Duration,
    /// Standard deviation of the logarithm of both
    #[arg(long, default_value = "0.2", value_parser = share)]
    spread: f64,
    /// Tokens in a chunk
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    chunk: u32,
    /// Where usage is told
    #[arg(long, default_value = "end")]
    usage: UsageName,
    /// Share of requests that are answered with an error
    #[arg(long, default_value = "0", value_parser = share)]
    errors: f64,
    /// Share of requests that are cut off in the middle
    #[arg(long, default_value = "0", value_parser = share)]
    cuts: f64,
    /// Milliseconds since the first request at which nothing is sent, and for how long, like
    /// 500+200
    #[arg(long, value_name = "MS+MS", value_delimiter = ',', value_parser = stall)]
    stall: Vec<Stall>,
    /// End every answer after half of its tokens, as a model does that stops by itself
    #[arg(long)]
    stops: bool,
    /// File for what was really sent and when, one JSON document a request, written at the end
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// Where usage is told.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum UsageName {
    /// Behind the last chunk
    End,
    /// In every chunk
    Each,
    /// Nowhere
    None,
}

impl RefereeArgs {
    /// The referee's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            listen: self.listen,
            script: Script {
                seed: self.seed,
                ttft: self.ttft,
                itl: self.itl,
                spread: self.spread,
                errors: self.errors,
                cuts: self.cuts,
                stalls: self.stall.clone(),
            },
            chunk: self.chunk,
            usage: match self.usage {
                UsageName::End => UsageAt::End,
                UsageName::Each => UsageAt::EachChunk,
                UsageName::None => UsageAt::Nowhere,
            },
            stops: self.stops,
        }
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "a number of milliseconds is expected".to_owned())?;
    Duration::try_from_secs_f64(number / 1e3).map_err(|error| error.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 1 is expected".to_owned())
}

fn stall(text: &str) -> Result<Stall, String> {
    let (at, lasts) = text
        .split_once('+')
        .ok_or_else(|| "two numbers of milliseconds are expected, like 500+200".to_owned())?;
    Ok(Stall {
        at: milliseconds(at)?,
        lasts: milliseconds(lasts)?,
    })
}
