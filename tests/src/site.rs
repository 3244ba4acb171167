//! [`Site`]: a place where a user story happens. Without `E2E_BASE_URL` it is a [`Server`] of the test's
//! own, with it the [`Deployment`] that answers there.
//!
//! Everything about it is what a client or an operator has, so a story cannot tell which it is. A
//! deployment is shared and not empty: names are unique, and what a story asserts is about its own users
//! and organizations. It may have several replicas, which learn of an end one after the other.

use shared::{Clock, Secret, random};

use crate::{Actor, Answer, Browser, Deployment, PASSWORD, Server, everywhere};

/// A place to test.
#[derive(Debug)]
pub struct Site {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Own(Box<Server>),
    Deployed(Deployment),
}

/// A user of a story.
#[derive(Debug, Clone)]
pub struct Person {
    /// A user name that nobody else has.
    pub name: String,
    /// The password as it is now.
    pub password: String,
}

impl Site {
    /// The deployment, or a server with the default settings.
    pub async fn open() -> anyhow::Result<Self> {
        Self::open_with(&[]).await
    }

    /// The deployment, or a server with these settings: what a deployment behind a gateway would have.
    pub async fn open_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let place = match Deployment::from_env()? {
            Some(deployment) => Place::Deployed(deployment),
            None => Place::Own(Box::new(Server::with(settings, Clock::System).await?)),
        };
        Ok(Self { place })
    }

    /// `http://host:port`
    #[must_use]
    pub fn base(&self) -> &str {
        match &self.place {
            Place::Own(server) => &server.base,
            Place::Deployed(deployment) => &deployment.base,
        }
    }

    /// Whether it is the test's own server, with the settings that it asked for.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self.place, Place::Own(_))
    }

    /// Somebody without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Actor {
        Actor::new(self.base()).patient()
    }

    /// A page of the site itself, without cookies.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser { actor: self.anonymous(), ..Browser::at(self.base(), self.base()) }
    }

    /// A new user without rights.
    pub async fn user(&self) -> anyhow::Result<Person> {
        self.add(false).await
    }

    /// A new superuser.
    pub async fn superuser(&self) -> anyhow::Result<Person> {
        self.add(true).await
    }

    async fn add(&self, is_superuser: bool) -> anyhow::Result<Person> {
        let person = Person { name: unique("e2e"), password: PASSWORD.to_owned() };
        match &self.place {
            Place::Own(server) if is_superuser => server.superuser(&person.name).await.map(drop)?,
            Place::Own(server) => server.user(&person.name).await.map(drop)?,
            Place::Deployed(site) => site.create(&person.name, &person.password, is_superuser).await?,
        }
        Ok(person)
    }

    /// Logs in; the actor holds the pair.
    pub async fn login(&self, person: &Person) -> anyhow::Result<Actor> {
        let answer = self.try_login(person).await?;
        anyhow::ensure!(answer.status == 200, "login of {}: {answer:?}", person.name);
        let (access, refresh) = (answer.text_of("access")?, answer.text_of("refresh")?);
        Ok(Actor::with_pair(self.base(), access, refresh).patient())
    }

    /// The answer to name and password.
    pub async fn try_login(&self, person: &Person) -> anyhow::Result<Answer> {
        let body = serde_json::json!({"username": person.name, "password": person.password});
        self.anonymous().post("/api/v1/user/token/", &body).await
    }

    /// A new user who has logged in.
    pub async fn member(&self) -> anyhow::Result<Actor> {
        self.login(&self.user().await?).await
    }

    /// Activates or deactivates a user, as an operator.
    pub async fn set_active(&self, person: &Person, active: bool) -> anyhow::Result<()> {
        match &self.place {
            Place::Own(server) => {
                server.stack.auth.accounts().set_active(&person.name, active).await.map(drop)?;
            }
            Place::Deployed(deployment) => deployment.set_active(&person.name, active).await?,
        }
        Ok(())
    }

    /// Sets another password, as an operator.
    pub async fn change_password(&self, person: &mut Person) -> anyhow::Result<()> {
        person.password = format!("another-{PASSWORD}");
        match &self.place {
            Place::Own(server) => {
                let (auth, password) = (&server.stack.auth, Secret::new(person.password.clone()));
                auth.accounts().set_password(auth.hashing(), &person.name, password).await.map(drop)?;
            }
            Place::Deployed(deployment) => deployment.set_password(&person.name, &person.password).await?,
        }
        Ok(())
    }

    /// Deletes a user, as an operator.
    pub async fn delete(&self, person: &Person) -> anyhow::Result<()> {
        match &self.place {
            Place::Own(server) => server.stack.auth.accounts().delete(&person.name).await.map(drop)?,
            Place::Deployed(deployment) => deployment.delete(&person.name).await?,
        }
        Ok(())
    }

    /// Removes what has expired, as an operator.
    pub async fn flush_expired(&self) -> anyhow::Result<()> {
        match &self.place {
            Place::Own(server) => Ok(auth_service::housekeeping::step(&server.stack.auth).await.map(drop)?),
            Place::Deployed(deployment) => deployment.flush_expired().await,
        }
    }
}

/// A name that nobody else has, beginning like this.
#[must_use]
pub fn unique(start: &str) -> String {
    format!("{start}-{}", random::hex32())
}

impl Actor {
    /// Waits until these paths refuse the actor's token, every time; it was accepted or is refused, and
    /// nothing else may be answered.
    pub async fn refused_soon(&self, paths: &[&str]) -> anyhow::Result<()> {
        for path in paths {
            let condition = async || {
                let answer = self.get(path).await?;
                anyhow::ensure!(matches!(answer.status, 200 | 401), "{path}: {answer:?}");
                Ok(answer.status == 401)
            };
            everywhere(&format!("{path} refuses a token that has ended"), condition).await?;
        }
        Ok(())
    }
}
