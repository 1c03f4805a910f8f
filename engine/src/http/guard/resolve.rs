//! Names to addresses: the seam at which tests put a resolver that lies.

use std::{future::Future, io, net::IpAddr, pin::Pin};

/// What a look-up comes to.
pub type Answers = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks names up.
pub trait Resolve: Send + Sync {
    /// The addresses of a name. A trailing dot says that no search list may be applied.
    fn resolve(&self, name: String) -> Answers;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: String) -> Answers {
        Box::pin(async move {
            let answers = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(answers.map(|address| address.ip()).collect())
        })
    }
}
