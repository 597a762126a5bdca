//! The people of the company in the demo: who can log in, who writes commits, and their SSO groups.
//!
//! [`identity`](crate::identity) signs them in, [`forge`](crate::forge) puts their names on commits; the shared
//! verified e-mail is what lets Yardmaster see that an author and an approver are one person.

/// One person, known by the same e-mail to the identity provider and to the forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Persona {
    /// The subject in ID tokens; never changes and is never reused.
    pub subject: &'static str,
    /// The short name: forge login, `preferred_username`, and how the demo's commands name the person.
    pub login: &'static str,
    /// The full name.
    pub name: &'static str,
    /// SSO groups, from which Yardmaster derives roles.
    pub groups: &'static [&'static str],
    /// What the login page says about the person.
    pub about: &'static str,
}

impl Persona {
    /// The person's verified address, `<login>@acme.example`.
    pub fn email(&self) -> String {
        format!("{}@acme.example", self.login)
    }
}

/// Everyone who has an account.
pub const PERSONAS: &[Persona] = &[
    Persona {
        subject: "acme-1001",
        login: "vera",
        name: "Vera Viewer",
        groups: &["yardmaster-viewers"],
        about: "Sees everything, changes nothing",
    },
    Persona {
        subject: "acme-1002",
        login: "jun",
        name: "Jun Junior",
        groups: &["yardmaster-juniors"],
        about: "Writes code, deploys nothing",
    },
    Persona {
        subject: "acme-1003",
        login: "sena",
        name: "Sena Senior",
        groups: &["yardmaster-seniors", "team-orders"],
        about: "Deploys to development and staging, may approve production, configures team orders",
    },
    Persona {
        subject: "acme-1004",
        login: "lee",
        name: "Lee Lead",
        groups: &["yardmaster-leads"],
        about: "Deploys to production, configures services",
    },
    Persona {
        subject: "acme-1005",
        login: "ada",
        name: "Ada Devops",
        groups: &["yardmaster-devops"],
        about: "Runs the yard: full rights everywhere",
    },
    Persona {
        subject: "acme-1006",
        login: "archie",
        name: "Archie Architect",
        groups: &["yardmaster-seniors", "architect"],
        about: "A senior whose approval critical changes need",
    },
    Persona {
        subject: "acme-1007",
        login: "sam",
        name: "Sam Security",
        groups: &["yardmaster-viewers", "security"],
        about: "Approves security changes",
    },
    Persona {
        subject: "acme-1008",
        login: "dana",
        name: "Dana Developer",
        groups: &["yardmaster-juniors"],
        about: "Author of many commits",
    },
    Persona {
        subject: "acme-1009",
        login: "omar",
        name: "Omar Developer",
        groups: &["yardmaster-juniors"],
        about: "Author of many commits",
    },
];

/// The person with this login.
pub fn find(login: &str) -> Option<&'static Persona> {
    PERSONAS.iter().find(|persona| persona.login == login)
}
