//! Who a caller is, and what its role lets it do.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Send events, and nothing else: the role of event keys.
    Send,
    /// Look at everything but keys and the audit log.
    Read,
    /// Act on runs, events, functions and jobs; includes `read`.
    Operate,
    /// Deploy apps and set schemas and webhooks; includes `read`.
    Deploy,
    /// Everything, keys included.
    Admin,
}

impl Role {
    /// All of them, weakest first.
    pub const ALL: [Self; 5] = [
        Self::Send,
        Self::Read,
        Self::Operate,
        Self::Deploy,
        Self::Admin,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }

    /// Whether who has this role may do what needs that one.
    pub fn includes(self, needed: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Operate => matches!(needed, Self::Send | Self::Read | Self::Operate),
            Self::Deploy => matches!(needed, Self::Read | Self::Deploy),
            Self::Read | Self::Send => self == needed,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A name that is no role's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role; roles are send, read, operate, deploy and admin")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// Who sent a request. The gate puts it into the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The key's id; `None` where no key was asked for.
    pub key_id: Option<Arc<str>>,
    /// The key's name, or what stands for it.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
    /// The environment of the key; `None`: all of them.
    pub environment: Option<Arc<str>>,
}

impl Principal {
    /// Whoever calls where no key is asked for: a development server, `--insecure`, tests in process.
    pub fn anybody() -> Self {
        Self {
            key_id: None,
            name: "anybody".into(),
            role: Role::Admin,
            environment: None,
        }
    }

    /// Who calls an open route without a key.
    pub(crate) fn nobody() -> Self {
        Self {
            name: "nobody".into(),
            role: Role::Send,
            ..Self::anybody()
        }
    }

    /// The server itself.
    pub fn server() -> Self {
        Self {
            name: "server".into(),
            ..Self::anybody()
        }
    }

    /// Who provides a webhook.
    pub fn webhook(name: &str) -> Self {
        Self {
            key_id: None,
            name: format!("webhook {name}").into(),
            role: Role::Send,
            environment: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_what_is_said_of_it_and_nothing_else() {
        use Role::{Admin, Deploy, Operate, Read, Send};
        for (role, may) in [
            (Send, &[Send][..]),
            (Read, &[Read]),
            (Operate, &[Send, Read, Operate]),
            (Deploy, &[Read, Deploy]),
            (Admin, &Role::ALL),
        ] {
            for needed in Role::ALL {
                assert_eq!(
                    role.includes(needed),
                    may.contains(&needed),
                    "{role} {needed}"
                );
            }
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        let refused = "root".parse::<Role>().unwrap_err().to_string();
        assert!(
            refused.contains("`root`") && refused.contains("operate"),
            "{refused}"
        );
    }
}
