//! The system under test: the real stack, with databases of its own.

use std::collections::BTreeMap;

use auth_service::{
    password::{Argon2Params, Scheme, hash},
    schema::{sessions, users},
    store::users::User,
};
use diesel::prelude::*;
use e2e::Server;
use org_service::{organization, schema::organizations, store::organizations as store};
use shared::{Clock, DbConnection, DbUrl, Secret, Timestamp};

use crate::system::{Engine, Organization, StartRefused, System, Users};

/// One running stack, and its three users ready to be put in again.
pub(crate) struct Stack {
    server: Server,
    users: Vec<User>,
    field: auth_service::store::users::UserIdField,
    /// How to start the server anew.
    postgres: Option<DbUrl>,
    settings: Vec<(String, String)>,
    /// Whether a fixture has changed a user: validators remember what they have refused since.
    is_worn: bool,
}

/// Starts one stack with these settings on an empty database of the engine.
pub(crate) async fn start(
    engine: &Engine,
    settings: &BTreeMap<String, String>,
) -> Result<Stack, StartRefused> {
    let refused = |error: anyhow::Error| StartRefused { message: error.to_string() };
    let postgres = match engine {
        Engine::Sqlite => None,
        Engine::Postgres(url) => Some(DbUrl::parse(url).map_err(|error| refused(error.into()))?),
    };
    let settings: Vec<_> = settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let server = serve(postgres.clone(), &settings).await.map_err(refused)?;
    let users = ["alice", "bob", "ivan"].into_iter().enumerate();
    let users =
        users.map(|(place, name)| user(&server, place, name)).collect::<Result<_, _>>().map_err(refused)?;
    let field = server.stack.auth.config().tokens.user_id_field;
    Ok(Stack { server, users, field, postgres, settings, is_worn: false })
}

async fn serve(postgres: Option<DbUrl>, settings: &[(String, String)]) -> anyhow::Result<Server> {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Server::on(postgres, &settings, Clock::System).await
}

/// A user as one imported from the original: with its small number as subject.
fn user(server: &Server, place: usize, name: &str) -> anyhow::Result<User> {
    let password = hash(&format!("{name}-Pa55word"), &Argon2Params::default())?;
    Ok(User {
        subject: (place + 1).to_string(),
        password_scheme: Scheme::argon2id(Argon2Params::default()).label(),
        password,
        is_active: name != "ivan",
        ..server.new_user(name, name == "alice")?
    })
}

impl Stack {
    async fn auth(
        &self,
        work: impl FnOnce(&mut DbConnection) -> QueryResult<usize> + Send + 'static,
    ) -> anyhow::Result<()> {
        self.server.stack.auth.db().transaction(work).await?;
        Ok(())
    }
}

impl System for Stack {
    fn base_url(&self) -> &str {
        &self.server.base
    }

    async fn reset(&mut self) -> anyhow::Result<Users> {
        if std::mem::take(&mut self.is_worn) {
            self.server = serve(self.postgres.clone(), &self.settings).await?;
        }
        let rows = self.users.clone();
        self.auth(move |conn| {
            diesel::delete(sessions::table).execute(conn)?;
            diesel::delete(users::table).execute(conn)?;
            rows.iter().try_fold(0, |sum, row| auth_service::store::users::insert(conn, row).map(|n| sum + n))
        })
        .await?;
        let empty = |conn: &mut DbConnection| diesel::delete(organizations::table).execute(conn);
        self.server.stack.org.db().write(empty).await?;
        let claims: Vec<_> = self.users.iter().map(|user| user.claim(self.field).to_owned()).collect();
        match <[String; 3]>::try_from(claims) {
            Ok([alice, bob, ivan]) => Ok(Users { alice, bob, ivan }),
            Err(other) => anyhow::bail!("three users, not {}", other.len()),
        }
    }

    async fn set_active(&mut self, user: &str, active: bool) -> anyhow::Result<()> {
        self.is_worn = true;
        self.server.stack.auth.accounts().set_active(user, active).await?;
        self.server.stack.auth.feed().passed_on().await;
        Ok(())
    }

    async fn delete_user(&mut self, user: &str) -> anyhow::Result<()> {
        self.is_worn = true;
        self.server.stack.auth.accounts().delete(user).await?;
        self.server.stack.auth.feed().passed_on().await;
        Ok(())
    }

    async fn change_password(&mut self, user: &str, password: &str) -> anyhow::Result<()> {
        self.is_worn = true;
        let auth = &self.server.stack.auth;
        let password = Secret::new(password.to_owned());
        auth.accounts().set_password(auth.hashing(), user, password).await?;
        auth.feed().passed_on().await;
        Ok(())
    }

    async fn expire_outstanding(&mut self) -> anyhow::Result<()> {
        let past = Timestamp::from_secs(0);
        self.auth(move |conn| {
            let ends = (sessions::expires_at.eq(past), sessions::absolute_expires_at.eq(past));
            diesel::update(sessions::table).set(ends).execute(conn)
        })
        .await
    }

    async fn flush_expired_tokens(&mut self) -> anyhow::Result<()> {
        let now = self.server.clock().now();
        self.auth(move |conn| auth_service::store::sessions::purge(conn, now, 1000)).await
    }

    async fn insert_organizations(&mut self, organizations: &[Organization]) -> anyhow::Result<Vec<String>> {
        let now = self.server.clock().now();
        let rows: Vec<_> = organizations
            .iter()
            .zip(0..)
            .map(|(organization, place)| {
                let at = now.after(std::time::Duration::from_micros(place));
                store::Organization {
                    id: store::OrgId::new(at),
                    name: organization.name.clone(),
                    description: organization.description.clone(),
                    address: String::new(),
                    website: String::new(),
                    email: Some(organization.email.clone()),
                    is_active: organization.is_active,
                    created_at: at,
                    updated_at: at,
                    slug: None,
                    version: 1,
                    membership_version: 1,
                }
            })
            .collect();
        let ids = rows.iter().map(|row| row.id.to_string()).collect();
        let org = &self.server.stack.org;
        let keys = &org.config().audit_keys;
        let begin = |row| organization::beginning(row, "1".to_owned(), String::new(), keys);
        let beginnings: Vec<_> = rows.into_iter().map(begin).collect();
        let made = org.db().write(move |conn| store::create_together(conn, &beginnings)).await?;
        anyhow::ensure!(made.into_iter().all(|made| made), "a name was taken");
        Ok(ids)
    }

    async fn stop(self) -> anyhow::Result<()> {
        Ok(())
    }
}
