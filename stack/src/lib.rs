//! Both services in one process, on one port, with a management port beside it: what `cargo run`
//! starts and what the end-to-end tests boot. Everything behind the ports is what the separate
//! services run.

pub mod cli;
pub mod data;
mod tour;

use std::sync::Arc;

use shared::{
    Clock, Organizations,
    config::{ConfigError, Variables},
    http::{
        metrics::Metrics,
        server::{Bound, ServerOptions, Shared, bind},
    },
};

/// Why the stack cannot start. The message is one line.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The auth service cannot start.
    #[error("auth service: {0}")]
    Auth(#[from] auth_service::StartError),
    /// The organization service cannot start.
    #[error("organization service: {0}")]
    Org(#[from] org_service::StartError),
}

/// Both services, started.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The auth service.
    pub auth: auth_service::App,
    /// The organization service.
    pub org: org_service::App,
}

impl Stack {
    /// Starts both services; the organization service takes keys from the auth service directly.
    pub async fn start(variables: &Variables, clock: Clock) -> Result<Self, StackError> {
        let auth = auth_service::Config::read(variables)?;
        let org = org_service::Config::read(variables)?;
        // Boxed, for whoever starts a stack would hold both on its own stack.
        let auth = Box::pin(auth_service::App::start(auth, Organizations::local(), clock.clone())).await?;
        let org = Box::pin(org_service::App::start(org, auth.issuer(), clock)).await?;
        auth.organizations().fill(Arc::new(org.roster()));
        Ok(Self { auth, org })
    }

    /// Binds both ports.
    pub fn bind(&self, options: &ServerOptions) -> std::io::Result<Bound> {
        let readiness = self.auth.readiness().and(self.org.readiness());
        let metrics = Metrics::new();
        metrics.show_revocations(self.org.revocations());
        let shared = Shared { readiness, metrics };
        let (public, private) = (self.clone(), self.clone());
        bind(
            options,
            shared,
            move |config| {
                public.auth.configure(config);
                public.org.configure(config);
            },
            move |config| {
                private.auth.configure_management(config);
                private.org.configure_management(config);
            },
        )
    }
}
